// @vitest-environment jsdom
import { cleanup, renderHook } from '@testing-library/react';
import { afterEach, describe, expect, it } from 'vitest';

import i18next from '../i18n';
import type { JobView } from './jobs';
import { useJobStatus } from './useJobStatus';

const PHASES = ['loading', 'preparing', 'preprocessing', 'decoding', 'upscaling', 'restoring', 'detailing'];

afterEach(async () => {
  cleanup();
  await i18next.changeLanguage('en');
});

function line(status: string, total = 20): string {
  const job = {
    state: 'running',
    progress: { step: 3, total, status },
    etaSeconds: null,
    etaAt: 0,
  } as JobView;
  return renderHook(() => useJobStatus(job)).result.current.line;
}

describe('useJobStatus', () => {
  it.each(['en', 'uk'])('has words of its own for everything that a worker does (%s)', async (language) => {
    await i18next.changeLanguage(language);
    const lines = PHASES.map((status) => line(status));
    expect(new Set(lines).size).toBe(PHASES.length);
    for (const text of lines) expect(text).not.toMatch(/stage\.|\d/);
  });

  it('counts steps while denoising, and in a phase that it does not know', () => {
    expect(line('denoising')).toBe('Step 3 / 20');
    expect(line('polishing')).toBe('Step 3 / 20');
    expect(line('denoising', 0)).toBe('Starting');
  });
});
