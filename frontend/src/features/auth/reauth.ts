/** Some calls want a person to prove again who they are; the dialog asks, and the call is made once more. */

import { create } from 'zustand';

import { FlowsError, callAuth, type Flow } from './allauth';

interface Question {
  /** The ways that this person can prove it. */
  flows: readonly Flow[];
  settle: (isProved: boolean) => void;
}

interface ReauthState {
  question: Question | null;
}

export const useReauth = create<ReauthState>()(() => ({ question: null }));

/** The dialog was closed: nothing happened, and nothing needs to be said. */
export class NotProved extends Error {}

/** Makes a call, and when the server wants a proof first, asks for one and repeats it. Throws `NotProved`. */
export async function proved<T>(call: () => Promise<T>): Promise<T> {
  try {
    return await call();
  } catch (error) {
    if (!(error instanceof FlowsError) || !error.isAuthenticated) throw error;
    if (!(await ask(error.flows))) throw new NotProved();
    return call();
  }
}

function ask(flows: readonly Flow[]): Promise<boolean> {
  useReauth.getState().question?.settle(false);
  return new Promise((resolve) => {
    const settle = (isProved: boolean) => {
      useReauth.setState({ question: null });
      resolve(isProved);
    };
    useReauth.setState({ question: { flows, settle } });
  });
}

export async function proveByPassword(password: string): Promise<void> {
  await callAuth('POST', 'auth/reauthenticate', { body: { password } });
}

export async function proveByCode(code: string): Promise<void> {
  await callAuth('POST', 'auth/2fa/reauthenticate', { body: { code } });
}
