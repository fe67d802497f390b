import { TextInput, type TextInputProps } from '@mantine/core';

/** A short code: digits of an app, a code from a mail, a recovery code. */
export function CodeField({ digits = false, ...props }: TextInputProps & { digits?: boolean }) {
  return (
    <TextInput
      size="md"
      autoComplete="one-time-code"
      autoCapitalize="none"
      spellCheck={false}
      inputMode={digits ? 'numeric' : 'text'}
      maxLength={64}
      styles={{ input: { fontFamily: 'var(--mono)', letterSpacing: '0.08em' } }}
      {...props}
    />
  );
}
