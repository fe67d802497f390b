import { api, queryKeys } from '../../../api/client';

export type TokenPage = Awaited<ReturnType<typeof api.tokens>>;
export type Token = TokenPage['items'][number];
export type NewToken = Awaited<ReturnType<typeof api.createToken>>;
export type Scope = Token['scopes'][number];

export const SCOPES: readonly Scope[] = ['read', 'generate', 'gallery', 'manage'];
/** Days that a new token may live; null: for ever. */
export const LIFETIMES: readonly (number | null)[] = [7, 30, 90, 365, null];
export const TOKEN_NAME_LENGTH = 100;

export const tokensKey = [...queryKeys.account, 'tokens'] as const;

/** All of them: the server lets nobody have more than fit on one page. */
export async function tokens(): Promise<Token[]> {
  return (await api.tokens({ limit: 100 })).items;
}

export function isExpired(token: Token, now: number): boolean {
  return token.expires_at !== null && Date.parse(token.expires_at) <= now;
}

/** A command for a terminal that shows that the token works. */
export function curlExample(origin: string, token: string): string {
  return `curl -H "Authorization: Bearer ${token}" ${origin}/api/v1/me`;
}
