import { AppearanceBlock } from './AppearanceBlock';

export default function AccountSection() {
  return <AppearanceBlock />;
}
