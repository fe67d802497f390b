/** Passkeys: the browser speaks in buffers, the server in base64url. One way for every browser that has WebAuthn. */

interface CredentialRefJson {
  id: string;
  type: PublicKeyCredentialType;
  transports?: AuthenticatorTransport[];
}

/** What the server asks for when a passkey is made (the options of WebAuthn as JSON). */
export type CreationOptionsJson = Omit<
  PublicKeyCredentialCreationOptions,
  'challenge' | 'user' | 'excludeCredentials'
> & {
  challenge: string;
  user: { id: string; name: string; displayName: string };
  excludeCredentials?: CredentialRefJson[];
};

/** What the server asks for when a passkey is used. */
export type RequestOptionsJson = Omit<PublicKeyCredentialRequestOptions, 'challenge' | 'allowCredentials'> & {
  challenge: string;
  allowCredentials?: CredentialRefJson[];
};

/** Why there is no passkey. */
export type PasskeyProblem = 'cancelled' | 'exists' | 'unsupported' | 'failed';

export class PasskeyError extends Error {
  readonly code: `passkey_${PasskeyProblem}`;

  constructor(problem: PasskeyProblem) {
    super(problem);
    this.name = 'PasskeyError';
    this.code = `passkey_${problem}`;
  }
}

export function hasPasskeys(): boolean {
  return typeof window !== 'undefined' && 'PublicKeyCredential' in window;
}

/** Has the browser make a passkey; returns what the server wants to see. Throws `PasskeyError`. */
export async function createPasskey(options: CreationOptionsJson): Promise<unknown> {
  const publicKey: PublicKeyCredentialCreationOptions = {
    ...options,
    challenge: fromBase64Url(options.challenge),
    user: { ...options.user, id: fromBase64Url(options.user.id) },
    excludeCredentials: (options.excludeCredentials ?? []).map(credentialRef),
  };
  const credential = await ask(() => navigator.credentials.create({ publicKey }));
  const response = credential.response as AuthenticatorAttestationResponse;
  return {
    ...common(credential),
    response: {
      clientDataJSON: toBase64Url(response.clientDataJSON),
      attestationObject: toBase64Url(response.attestationObject),
      transports: response.getTransports(),
    },
  };
}

/** Has the browser sign with a passkey; returns what the server wants to see. Throws `PasskeyError`. */
export async function getPasskey(options: RequestOptionsJson): Promise<unknown> {
  const publicKey: PublicKeyCredentialRequestOptions = {
    ...options,
    challenge: fromBase64Url(options.challenge),
    allowCredentials: (options.allowCredentials ?? []).map(credentialRef),
  };
  const credential = await ask(() => navigator.credentials.get({ publicKey }));
  const response = credential.response as AuthenticatorAssertionResponse;
  return {
    ...common(credential),
    response: {
      clientDataJSON: toBase64Url(response.clientDataJSON),
      authenticatorData: toBase64Url(response.authenticatorData),
      signature: toBase64Url(response.signature),
      userHandle: response.userHandle && toBase64Url(response.userHandle),
    },
  };
}

async function ask(question: () => Promise<Credential | null>): Promise<PublicKeyCredential> {
  if (!hasPasskeys()) throw new PasskeyError('unsupported');
  try {
    const credential = await question();
    if (credential) return credential as PublicKeyCredential;
  } catch (cause) {
    const name = cause instanceof DOMException ? cause.name : '';
    if (name === 'NotAllowedError' || name === 'AbortError') throw new PasskeyError('cancelled');
    // The authenticator has a passkey for this account already.
    if (name === 'InvalidStateError') throw new PasskeyError('exists');
    if (name === 'NotSupportedError') throw new PasskeyError('unsupported');
  }
  throw new PasskeyError('failed');
}

function common(credential: PublicKeyCredential) {
  return {
    id: credential.id,
    rawId: toBase64Url(credential.rawId),
    type: credential.type,
    authenticatorAttachment: credential.authenticatorAttachment,
    clientExtensionResults: credential.getClientExtensionResults(),
  };
}

function credentialRef({ id, ...rest }: CredentialRefJson): PublicKeyCredentialDescriptor {
  return { ...rest, id: fromBase64Url(id) };
}

export function fromBase64Url(text: string): ArrayBuffer {
  const binary = atob(text.replaceAll('-', '+').replaceAll('_', '/'));
  return Uint8Array.from(binary, (letter) => letter.charCodeAt(0)).buffer;
}

export function toBase64Url(buffer: ArrayBuffer): string {
  const binary = Array.from(new Uint8Array(buffer), (byte) => String.fromCharCode(byte)).join('');
  return btoa(binary).replaceAll('+', '-').replaceAll('/', '_').replace(/=+$/, '');
}
