import {
  IconAppleFilled,
  IconBalloonFilled,
  IconCactusFilled,
  IconHeartFilled,
  IconPumpkinScary,
  IconSailboat,
} from '@tabler/icons-react';

/**
 * Prompts that suit the small model the portal comes with: one subject on one colour, in either language. The words
 * are in the locales under `launch.examples`.
 */
export const EXAMPLES = [
  { id: 'apple', icon: IconAppleFilled, ink: '#e5343f', paper: '#2f57d3' },
  { id: 'balloon', icon: IconBalloonFilled, ink: '#d8343f', paper: '#f8d648' },
  { id: 'sailboat', icon: IconSailboat, ink: '#ffffff', paper: '#3fb6d4' },
  { id: 'cactus', icon: IconCactusFilled, ink: '#2a9a4c', paper: '#f6f7f8' },
  { id: 'pumpkin', icon: IconPumpkinScary, ink: '#ffa03c', paper: '#6f35a5' },
  { id: 'heart', icon: IconHeartFilled, ink: '#d8203a', paper: '#f9a3c8' },
] as const;
