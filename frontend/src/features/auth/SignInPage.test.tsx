// @vitest-environment jsdom
import { MantineProvider } from '@mantine/core';
import { QueryClient, QueryClientProvider } from '@tanstack/react-query';
import {
  RouterProvider,
  createMemoryHistory,
  createRootRoute,
  createRoute,
  createRouter,
} from '@tanstack/react-router';
import { cleanup, fireEvent, render, screen, waitFor } from '@testing-library/react';
import { afterEach, beforeAll, expect, it, vi } from 'vitest';

import i18next from '../../i18n';
import type { Me } from '../../api/types';
import { fakeServer, pending, type Reply } from '../../test/fakeServer';
import { SignInPage } from './SignInPage';

const ME: Me = {
  user: null,
  registration_open: true,
  password_reset: true,
  sso_only: false,
  passkeys: true,
  second_factor_required: false,
  version: '1',
  csrf_token: 'x',
};

const MFA = { id: 'mfa_authenticate', is_pending: true, types: ['totp', 'recovery_codes'] };

function config(providers: object[] = [], byCode = false): Reply {
  return {
    body: {
      data: { account: { email_verification_by_code_enabled: byCode }, socialaccount: { providers } },
    },
  };
}

function show(me: Partial<Me> = {}) {
  const root = createRootRoute();
  const page = () => <SignInPage me={{ ...ME, ...me }} />;
  const router = createRouter({
    routeTree: root.addChildren([createRoute({ getParentRoute: () => root, path: '/', component: page })]),
    history: createMemoryHistory(),
  });
  render(
    <MantineProvider>
      <QueryClientProvider client={new QueryClient({ defaultOptions: { queries: { retry: false } } })}>
        <RouterProvider router={router} />
      </QueryClientProvider>
    </MantineProvider>,
  );
}

async function signIn() {
  fireEvent.change(await screen.findByLabelText('User name or e-mail'), { target: { value: 'alice' } });
  fireEvent.change(screen.getByLabelText('Password'), { target: { value: 'secret' } });
  fireEvent.click(screen.getByRole('button', { name: 'Sign in' }));
}

beforeAll(async () => {
  await i18next.changeLanguage('en');
  window.scrollTo = () => undefined;
});

afterEach(() => {
  cleanup();
  vi.unstubAllGlobals();
  window.history.replaceState(null, '', '/');
});

it('asks for the second factor after the password', async () => {
  const { sent } = fakeServer({
    'GET config': config(),
    'GET auth/session': pending({ id: 'login' }),
    'POST auth/login': pending(MFA),
    'POST auth/2fa/authenticate': {
      status: 400,
      body: { errors: [{ code: 'incorrect_code', message: '', param: 'code' }] },
    },
  });
  show();
  await signIn();
  fireEvent.change(await screen.findByLabelText('Code'), { target: { value: '123456 ' } });
  fireEvent.click(screen.getByRole('button', { name: 'Sign in' }));
  expect(await screen.findByText(/This code is wrong/)).toBeTruthy();
  expect(sent.find(({ path }) => path === 'auth/login')?.body).toEqual({ username: 'alice', password: 'secret' });
  expect(sent.find(({ path }) => path === 'auth/2fa/authenticate')?.body).toEqual({ code: '123456' });
  fireEvent.click(screen.getByRole('button', { name: 'Use a recovery code' }));
  expect(screen.getByLabelText('Recovery code')).toBeTruthy();
});

it('goes on where a provider has left off, and starts over', async () => {
  const { sent } = fakeServer({
    'GET config': config(),
    'GET auth/session': pending(MFA),
    'DELETE auth/session': pending({ id: 'login' }),
  });
  show();
  fireEvent.click(await screen.findByRole('button', { name: 'Start over' }));
  expect(await screen.findByLabelText('User name or e-mail')).toBeTruthy();
  expect(sent.some(({ method }) => method === 'DELETE')).toBe(true);
});

it.each([
  [false, /a mail with a link/, 0],
  [true, /sent you a code/, 1],
])('waits for the address to be verified (by code: %s)', async (byCode, lead, fields) => {
  fakeServer({
    'GET config': config([], byCode),
    'GET auth/session': pending({ id: 'verify_email', is_pending: true }),
  });
  show();
  expect(await screen.findByText(lead)).toBeTruthy();
  expect(screen.queryAllByLabelText('Code from the mail')).toHaveLength(fields);
});

it('says how long to wait', async () => {
  fakeServer({
    'GET config': config(),
    'GET auth/session': pending({ id: 'login' }),
    'POST auth/login': { status: 429, headers: { 'Retry-After': '300' } },
  });
  show();
  await signIn();
  expect(await screen.findByText('Too many attempts. Try again in 5 min.')).toBeTruthy();
});

it('offers only single sign-on where passwords are off', async () => {
  fakeServer({
    'GET config': config([{ id: 'corp', name: 'Corp', flows: ['provider_redirect'] }]),
    'GET auth/session': pending({ id: 'provider_redirect' }),
  });
  const submit = vi.spyOn(HTMLFormElement.prototype, 'submit').mockImplementation(() => undefined);
  show({ sso_only: true });
  fireEvent.click(await screen.findByRole('button', { name: 'Sign in with Corp' }));
  expect(screen.queryByLabelText('Password')).toBeNull();
  expect(screen.queryByRole('link', { name: 'Make an account' })).toBeNull();
  const form = submit.mock.contexts[0] as HTMLFormElement;
  const values = new FormData(form);
  expect(form.method).toBe('post');
  expect(form.action).toMatch(/auth\/provider\/redirect$/);
  expect(values.get('provider')).toBe('corp');
  expect(values.get('process')).toBe('login');
  expect(values.get('callback_url')).toMatch(/#\/sign-in$/);
  form.remove();
  submit.mockRestore();
});

it.each([
  ['signup_closed', /registration is closed. Ask an administrator/],
  ['cancelled', /was cancelled at the provider. To try again, choose it here/],
  ['of a new kind', /did not work. Try again, or ask an administrator \(of a new kind\)/],
])('says in words what went wrong on the page of a provider, once (%s)', async (code, words) => {
  fakeServer({ 'GET config': config(), 'GET auth/session': pending({ id: 'login' }) });
  window.history.replaceState(null, '', `/?error=${code}&error_process=login#/sign-in`);
  show();
  expect(await screen.findByText(words)).toBeTruthy();
  await waitFor(() => expect(window.location.search).toBe(''));
});

it('shows the form when the server is silent about what it offers', async () => {
  fakeServer({});
  show();
  expect(await screen.findByLabelText('User name or e-mail')).toBeTruthy();
});
