import type { TFunction } from 'i18next';

/** «4 s» or «2 min»: rounded the way a person would say it. `seconds` >= 0. */
export function formatDuration(t: TFunction, seconds: number): string {
  if (seconds < 90) return t('duration.seconds', { value: Math.max(1, Math.round(seconds)) });
  return t('duration.minutes', { value: Math.round(seconds / 60) });
}

/** 42 -> «00:42»; hours appear when needed. `seconds` >= 0. */
export function formatClock(seconds: number): string {
  const whole = Math.max(0, Math.round(seconds));
  const parts = [Math.floor(whole / 60) % 60, whole % 60];
  if (whole >= 3600) parts.unshift(Math.floor(whole / 3600));
  return parts.map((part) => String(part).padStart(2, '0')).join(':');
}

/** An ISO time as «11/23/26, 6:00 AM», the way the language writes it. */
export function formatMoment(time: string, language: string): string {
  return new Intl.DateTimeFormat(language, { dateStyle: 'short', timeStyle: 'short' }).format(new Date(time));
}
