import { Button, Checkbox, Group, Modal, NativeSelect, Stack, Text, TextInput } from '@mantine/core';
import { useQueryClient } from '@tanstack/react-query';
import { useState, type FormEvent } from 'react';
import { useTranslation } from 'react-i18next';

import { api } from '../../../api/client';
import { CopyButton } from '../../../components/CopyButton';
import { problemText } from '../../auth/authErrors';
import { FormProblem } from '../../auth/FormProblem';
import { serverUrl } from '../../../lib/server';
import classes from './tokens.module.css';
import { curlExample, LIFETIMES, SCOPES, TOKEN_NAME_LENGTH, tokensKey, type Scope } from './tokensApi';

interface NewTokenDialogProps {
  isOpen: boolean;
  onClose: () => void;
}

/** Asks what the token is for, then shows it, this once. */
export function NewTokenDialog({ isOpen, onClose }: NewTokenDialogProps) {
  const { t } = useTranslation();
  const [made, setMade] = useState<string | null>(null);
  const close = () => {
    onClose();
    setMade(null);
  };
  return (
    <Modal
      opened={isOpen}
      onClose={close}
      title={made ? t('settings.tokens.madeTitle') : t('settings.tokens.make')}
      // Nobody sees the token again: a click beside the dialog shall not close it.
      closeOnClickOutside={!made}
      closeOnEscape={!made}
      closeButtonProps={{ 'aria-label': t('common.close') }}
    >
      {made ? <ShownOnce token={made} onClose={close} /> : <TokenForm onMade={setMade} />}
    </Modal>
  );
}

function TokenForm({ onMade }: { onMade: (token: string) => void }) {
  const { t } = useTranslation();
  const queryClient = useQueryClient();
  const [name, setName] = useState('');
  const [scopes, setScopes] = useState<string[]>(['read', 'generate']);
  const [days, setDays] = useState('90');
  const [problem, setProblem] = useState('');
  const [isBusy, setIsBusy] = useState(false);
  const [isAsked, setIsAsked] = useState(false);
  const submit = async (event: FormEvent) => {
    event.preventDefault();
    setIsAsked(true);
    if (!name.trim() || scopes.length === 0) return;
    setIsBusy(true);
    try {
      const token = await api.createToken({
        name: name.trim(),
        scopes: scopes as Scope[],
        expires_in_days: days ? Number(days) : null,
      });
      await queryClient.invalidateQueries({ queryKey: tokensKey });
      onMade(token.token);
    } catch (error) {
      setProblem(problemText(t, error));
      setIsBusy(false);
    }
  };
  return (
    <form onSubmit={(event) => void submit(event)} noValidate>
      <Stack gap="md">
        <FormProblem text={problem} />
        <TextInput
          label={t('settings.tokens.name')}
          placeholder={t('settings.tokens.nameExample')}
          maxLength={TOKEN_NAME_LENGTH}
          data-autofocus
          value={name}
          onChange={(event) => setName(event.currentTarget.value)}
          error={isAsked && !name.trim() ? t('settings.tokens.nameMissing') : undefined}
        />
        <Checkbox.Group
          label={t('settings.tokens.scopesLabel')}
          value={scopes}
          onChange={setScopes}
          error={isAsked && scopes.length === 0 ? t('settings.tokens.scopesMissing') : undefined}
        >
          <Stack gap="xs" mt={6}>
            {SCOPES.map((scope) => (
              <Checkbox
                key={scope}
                value={scope}
                label={t(`settings.tokens.scopes.${scope}.name`)}
                description={t(`settings.tokens.scopes.${scope}.text`)}
              />
            ))}
          </Stack>
        </Checkbox.Group>
        <NativeSelect
          label={t('settings.tokens.lifetime')}
          value={days}
          onChange={(event) => setDays(event.currentTarget.value)}
          data={LIFETIMES.map((one) => ({
            value: one === null ? '' : String(one),
            label: one === null ? t('settings.tokens.forEver') : t('settings.tokens.days', { count: one }),
          }))}
        />
        <Group justify="flex-end">
          <Button type="submit" loading={isBusy}>
            {t('settings.tokens.make')}
          </Button>
        </Group>
      </Stack>
    </form>
  );
}

function ShownOnce({ token, onClose }: { token: string; onClose: () => void }) {
  const { t } = useTranslation();
  const example = curlExample(new URL(serverUrl(''), window.location.href).origin, token);
  return (
    <Stack gap="md">
      <Text size="sm">{t('settings.tokens.once')}</Text>
      <Shown label={t('settings.tokens.token')} copy={t('settings.tokens.copy')} text={token} />
      <Shown label={t('settings.tokens.example')} copy={t('settings.tokens.copyExample')} text={example} />
      <Group justify="flex-end">
        <Button onClick={onClose}>{t('settings.tokens.kept')}</Button>
      </Group>
    </Stack>
  );
}

function Shown({ label, copy, text }: { label: string; copy: string; text: string }) {
  return (
    <div>
      <div className={classes.head}>
        <span className={classes.label}>{label}</span>
        <CopyButton text={text} label={copy} />
      </div>
      <code className={classes.code}>{text}</code>
    </div>
  );
}
