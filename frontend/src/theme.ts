/** Mantine's theme, made of the tokens in tokens.css. */

import {
  ActionIcon,
  Button,
  Checkbox,
  Drawer,
  Menu,
  Modal,
  NativeSelect,
  Notification,
  NumberInput,
  PasswordInput,
  Progress,
  Select,
  Slider,
  Textarea,
  TextInput,
  Tooltip,
  createTheme,
  localStorageColorSchemeManager,
  type CSSVariablesResolver,
  type MantineColorsTuple,
} from '@mantine/core';
import classes from './theme.module.css';

const iris: MantineColorsTuple = [
  '#F2F2FF',
  '#E1E2FF',
  '#C7C9FF',
  '#ABADFF',
  '#9EA0FF',
  '#7C7FF0',
  '#6366E0',
  '#5557D6',
  '#4A4CC4',
  '#3A3B9E',
];

/** Below this width (CSS pixels) the bottom bar replaces the rail. */
export const PHONE_QUERY = '(max-width: 899.98px)';
/** Below this width the history is a drawer. */
export const NARROW_QUERY = '(max-width: 1279.98px)';

/** Where the theme is remembered; public/theme-init.js reads the same key. */
export const colorSchemeManager = localStorageColorSchemeManager({ key: 'sdweb-theme' });

const inputClasses = {
  input: classes.input,
  label: classes.label,
  description: classes.description,
  error: classes.error,
};

export const theme = createTheme({
  colors: { iris },
  primaryColor: 'iris',
  primaryShade: { dark: 6, light: 7 },
  fontFamily: "'Inter Variable', system-ui, -apple-system, 'Segoe UI', sans-serif",
  fontFamilyMonospace: 'var(--mono)',
  fontSizes: { xs: '12px', sm: '13px', md: '14px', lg: '16px', xl: '20px' },
  lineHeights: { xs: '1.4', sm: '1.45', md: '1.45', lg: '1.45', xl: '1.3' },
  headings: {
    fontWeight: '600',
    sizes: {
      h1: { fontSize: '28px', lineHeight: '1.25' },
      h2: { fontSize: '20px', lineHeight: '1.25' },
      h3: { fontSize: '16px', lineHeight: '1.25' },
    },
  },
  spacing: { xs: '4px', sm: '8px', md: '12px', lg: '16px', xl: '24px' },
  radius: { xs: '4px', sm: '6px', md: '8px', lg: '12px', xl: '999px' },
  defaultRadius: 'md',
  cursorType: 'pointer',
  respectReducedMotion: true,
  components: {
    ActionIcon: ActionIcon.extend({ defaultProps: { size: 36 }, classNames: { root: classes.touch } }),
    Button: Button.extend({ classNames: { root: classes.button } }),
    Checkbox: Checkbox.extend({ defaultProps: { size: 'md' } }),
    Drawer: Drawer.extend({
      defaultProps: { overlayProps: { backgroundOpacity: 0.5 } },
      classNames: { content: classes.overlayPanel, header: classes.overlayPanel },
    }),
    Menu: Menu.extend({
      defaultProps: { shadow: 'md', offset: 6 },
      classNames: { dropdown: classes.dropdown, item: classes.menuItem },
    }),
    Modal: Modal.extend({
      defaultProps: { centered: true, radius: 'lg', overlayProps: { backgroundOpacity: 0.6 } },
      classNames: { content: classes.overlayPanel, header: classes.overlayPanel, title: classes.modalTitle },
    }),
    NativeSelect: NativeSelect.extend({ classNames: inputClasses }),
    Notification: Notification.extend({ classNames: { root: classes.notification, description: classes.noteText } }),
    NumberInput: NumberInput.extend({ classNames: inputClasses }),
    PasswordInput: PasswordInput.extend({
      classNames: { ...inputClasses, innerInput: classes.innerInput, visibilityToggle: classes.touch },
    }),
    Progress: Progress.extend({ classNames: { root: classes.progress } }),
    Select: Select.extend({
      defaultProps: { comboboxProps: { shadow: 'md' } },
      classNames: { ...inputClasses, dropdown: classes.dropdown, option: classes.option },
    }),
    Slider: Slider.extend({
      defaultProps: { size: 6, thumbSize: 18 },
      classNames: { track: classes.track, thumb: classes.thumb, trackContainer: classes.trackContainer },
    }),
    Textarea: Textarea.extend({ classNames: inputClasses }),
    TextInput: TextInput.extend({ classNames: inputClasses }),
    Tooltip: Tooltip.extend({
      defaultProps: { openDelay: 350, withArrow: false, offset: 6 },
      classNames: { tooltip: classes.tooltip },
    }),
  },
});

/** Points Mantine's own variables at the tokens, so that its components follow both themes. */
export const cssVariablesResolver: CSSVariablesResolver = () => {
  const shared = {
    '--mantine-color-body': 'var(--surface)',
    '--mantine-color-text': 'var(--text)',
    '--mantine-color-bright': 'var(--text)',
    '--mantine-color-dimmed': 'var(--muted)',
    '--mantine-color-placeholder': 'var(--subtle)',
    '--mantine-color-anchor': 'var(--accent)',
    '--mantine-color-error': 'var(--err)',
    '--mantine-color-default': 'var(--raised)',
    '--mantine-color-default-hover': 'var(--hover)',
    '--mantine-color-default-color': 'var(--text)',
    '--mantine-color-default-border': 'var(--control)',
    '--mantine-primary-color-filled': 'var(--fill)',
    '--mantine-primary-color-filled-hover': 'var(--fill-hover)',
    '--mantine-primary-color-light': 'var(--accent-soft)',
    '--mantine-primary-color-light-color': 'var(--accent)',
    '--mantine-color-iris-light': 'var(--accent-soft)',
    '--mantine-color-iris-light-hover': 'var(--accent-soft)',
    '--mantine-color-iris-light-color': 'var(--accent)',
    '--mantine-color-iris-filled': 'var(--fill)',
    '--mantine-color-iris-filled-hover': 'var(--fill-hover)',
    '--mantine-color-red-filled': 'var(--danger-fill)',
  };
  return { variables: {}, light: shared, dark: shared };
};
