import { SecondFactorPage } from '../auth/SecondFactorPage';
import { SignInPage } from '../auth/SignInPage';
import { ReauthDialog } from '../auth/ReauthDialog';
import { SessionProvider } from './SessionProvider';
import { Shell } from './Shell';
import { useMe } from './useMe';

/** Every page that needs somebody signed in; until then the sign-in page stands at its address. */
export function Portal() {
  const me = useMe();
  if (!me.user) return <SignInPage me={me} />;
  if (me.second_factor_required) {
    return (
      <>
        <SecondFactorPage me={me} />
        <ReauthDialog />
      </>
    );
  }
  return (
    <SessionProvider user={me.user} version={me.version}>
      <Shell />
      <ReauthDialog />
    </SessionProvider>
  );
}
