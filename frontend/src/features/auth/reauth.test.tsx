// @vitest-environment jsdom
import { MantineProvider } from '@mantine/core';
import { QueryClient, QueryClientProvider } from '@tanstack/react-query';
import { cleanup, fireEvent, render, screen } from '@testing-library/react';
import { afterEach, beforeAll, beforeEach, expect, it, vi } from 'vitest';

import i18next from '../../i18n';
import { fakeServer, type Reply } from '../../test/fakeServer';
import { callAuth } from './allauth';
import { NotProved, proved } from './reauth';
import { ReauthDialog } from './ReauthDialog';

const FLOWS = [{ id: 'reauthenticate' }, { id: 'mfa_reauthenticate', types: ['totp'] }];

let isProved = false;

function guarded(): Reply {
  if (isProved) return { body: { data: 'done' } };
  return { status: 401, body: { data: { flows: FLOWS }, meta: { is_authenticated: true } } };
}

function proof(): Reply {
  isProved = true;
  return { body: {} };
}

beforeAll(async () => {
  await i18next.changeLanguage('en');
});

beforeEach(() => {
  isProved = false;
  render(
    <MantineProvider env="test">
      <QueryClientProvider client={new QueryClient()}>
        <ReauthDialog />
      </QueryClientProvider>
    </MantineProvider>,
  );
});

afterEach(() => {
  cleanup();
  vi.unstubAllGlobals();
});

it('asks for the password and makes the call again', async () => {
  const { sent } = fakeServer({ 'POST thing': guarded, 'POST auth/reauthenticate': proof });
  const call = proved(() => callAuth('POST', 'thing'));
  fireEvent.change(await screen.findByLabelText('Password'), { target: { value: 'secret' } });
  fireEvent.click(screen.getByRole('button', { name: 'Go on' }));
  expect((await call).data).toBe('done');
  expect(sent.map(({ path }) => path)).toEqual(['thing', 'auth/reauthenticate', 'thing']);
});

it('takes a code instead', async () => {
  const { sent } = fakeServer({ 'POST thing': guarded, 'POST auth/2fa/reauthenticate': proof });
  const call = proved(() => callAuth('POST', 'thing'));
  fireEvent.click(await screen.findByRole('button', { name: 'Use a code instead' }));
  fireEvent.change(screen.getByLabelText(/^Code of the app/), { target: { value: '123456' } });
  fireEvent.click(screen.getByRole('button', { name: 'Go on' }));
  expect((await call).data).toBe('done');
  expect(sent[1]?.body).toEqual({ code: '123456' });
});

it('stays open when the proof is wrong, and gives up when it is closed', async () => {
  fakeServer({
    'POST thing': guarded,
    'POST auth/reauthenticate': {
      status: 400,
      body: { errors: [{ code: 'incorrect_password', message: '', param: 'password' }] },
    },
  });
  const call = proved(() => callAuth('POST', 'thing'));
  const outcome = expect(call).rejects.toBeInstanceOf(NotProved);
  fireEvent.change(await screen.findByLabelText('Password'), { target: { value: 'wrong' } });
  fireEvent.click(screen.getByRole('button', { name: 'Go on' }));
  expect(await screen.findByText('This password is wrong.')).toBeTruthy();
  fireEvent.click(screen.getByRole('button', { name: 'Close' }));
  await outcome;
});
