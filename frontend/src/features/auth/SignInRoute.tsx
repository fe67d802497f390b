import { Navigate } from '@tanstack/react-router';

import { useMe } from '../shell/useMe';
import { SignInPage } from './SignInPage';

/** `#/sign-in`, where providers send people back to. */
export function SignInRoute() {
  const me = useMe();
  return me.user ? <Navigate to="/" replace /> : <SignInPage me={me} />;
}
