// @vitest-environment jsdom
import { afterEach, expect, it, vi } from 'vitest';

import {
  PasskeyError,
  createPasskey,
  fromBase64Url,
  getPasskey,
  toBase64Url,
  type RequestOptionsJson,
} from './webauthn';

const OPTIONS: RequestOptionsJson = {
  challenge: 'AQID_w',
  rpId: 'localhost',
  allowCredentials: [{ id: 'BAU', type: 'public-key' }],
};

function withBrowser(credentials: Partial<CredentialsContainer>) {
  vi.stubGlobal('PublicKeyCredential', class {});
  Object.defineProperty(navigator, 'credentials', { configurable: true, value: credentials });
}

function bytes(...values: number[]): ArrayBuffer {
  return Uint8Array.from(values).buffer;
}

afterEach(() => {
  vi.unstubAllGlobals();
});

it.each([[[]], [[0]], [[255, 254, 253]], [[62 << 2, 63, 251, 255]], [Array.from({ length: 256 }, (_, n) => n)]])(
  'writes and reads the bytes %j',
  (values) => {
    const text = toBase64Url(bytes(...values));
    expect(text).toMatch(/^[\w-]*$/);
    expect([...new Uint8Array(fromBase64Url(text))]).toEqual(values);
  },
);

it('gives the browser buffers and the server text', async () => {
  const get = vi.fn<(options?: CredentialRequestOptions) => Promise<Credential>>(() =>
    Promise.resolve({
      id: 'BAU',
      rawId: bytes(4, 5),
      type: 'public-key',
      authenticatorAttachment: 'platform',
      getClientExtensionResults: () => ({}),
      response: {
        clientDataJSON: bytes(1),
        authenticatorData: bytes(2),
        signature: bytes(251, 255),
        userHandle: null,
      },
    } as unknown as Credential),
  );
  withBrowser({ get });
  const sent = (await getPasskey(OPTIONS)) as { rawId: string; response: Record<string, unknown> };
  const asked = get.mock.calls[0]?.[0]?.publicKey;
  expect(asked?.rpId).toBe('localhost');
  expect([...new Uint8Array(asked?.challenge as ArrayBuffer)]).toEqual([1, 2, 3, 255]);
  expect([...new Uint8Array(asked?.allowCredentials?.[0]?.id as ArrayBuffer)]).toEqual([4, 5]);
  expect(sent.rawId).toBe('BAU');
  expect(sent.response).toMatchObject({ signature: '-_8', userHandle: null });
});

it.each([
  ['NotAllowedError', 'passkey_cancelled'],
  ['InvalidStateError', 'passkey_exists'],
  ['NotSupportedError', 'passkey_unsupported'],
  ['SecurityError', 'passkey_failed'],
])('says what %s means', async (name, code) => {
  withBrowser({ create: () => Promise.reject(new DOMException('no', name)) });
  const options = { challenge: 'AQ', user: { id: 'AQ', name: 'a', displayName: 'a' }, rp: { name: 'p' } };
  const refusal = createPasskey({ ...options, pubKeyCredParams: [] });
  await expect(refusal).rejects.toBeInstanceOf(PasskeyError);
  await expect(refusal).rejects.toMatchObject({ code });
});

it('knows browsers without passkeys', async () => {
  await expect(getPasskey(OPTIONS)).rejects.toMatchObject({ code: 'passkey_unsupported' });
});
