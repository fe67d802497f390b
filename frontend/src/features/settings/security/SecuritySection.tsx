import { PasswordBlock } from './PasswordBlock';

export default function SecuritySection() {
  return <PasswordBlock />;
}
