import { callAuth } from '../../auth/allauth';
import { proved } from '../../auth/reauth';

/** Changes the password; `current` is empty for somebody who has none yet. */
export async function changePassword(current: string, next: string): Promise<void> {
  const body = { ...(current && { current_password: current }), new_password: next };
  await proved(() => callAuth('POST', 'account/password/change', { body }));
}
