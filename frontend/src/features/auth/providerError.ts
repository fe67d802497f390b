/** A provider's page sends people back with `?error=...&error_process=...` before the `#`. */

import { useEffect, useState } from 'react';
import { useTranslation } from 'react-i18next';

type Process = 'login' | 'connect';

/** What went wrong on the provider's page, in words, or ''; the address is clean afterwards. */
export function useProviderError(process: Process): string {
  const { t } = useTranslation();
  const [code] = useState(() => providerError(window.location.search, process));
  useEffect(() => {
    if (!code) return;
    const { pathname, hash } = window.location;
    window.history.replaceState(window.history.state, '', `${pathname}${hash}`);
  }, [code]);
  // What follows an underscore in a key would be taken for a plural form.
  const key = code.replaceAll('_', '-');
  return code && t([`auth.providerErrors.${key}`, 'auth.providerErrors.unknown'], { code });
}

/** The error of this process in the part of an address that begins with `?`, or ''. */
export function providerError(search: string, process: Process): string {
  const query = new URLSearchParams(search);
  return query.get('error_process') === process ? (query.get('error') ?? '') : '';
}
