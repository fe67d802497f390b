import { Anchor } from '@mantine/core';
import { useTranslation } from 'react-i18next';

import type { Flow } from '../allauth';
import { toastProblem } from '../authErrors';
import { signOut } from '../session';

/** Gives a half-done sign-in up. */
export function StartOver({ onStep }: { onStep: (step: Flow | null) => void }) {
  const { t } = useTranslation();
  const leave = async () => {
    try {
      await signOut();
      onStep(null);
    } catch (error) {
      toastProblem(t, error);
    }
  };
  return (
    <Anchor component="button" type="button" size="sm" fw={600} onClick={() => void leave()}>
      {t('auth.startOver')}
    </Anchor>
  );
}
