/** The portal's HTTP API, one function per route. Every function throws `ApiError` when the server refuses. */

import createClient from 'openapi-fetch';

import { serverUrl } from '../lib/server';
import { errorFrom, portalFetch } from './http';
import type { paths } from './schema';
import type { AuditQuery, Image, ImageFilter, Job, JobRequest, Move, Page, TokenRequest } from './types';

const client = createClient<paths>({ baseUrl: serverUrl('').replace(/\/$/, ''), fetch: portalFetch });

interface Answer<T> {
  data?: T;
  error?: unknown;
  response: Response;
}

async function unwrap<T>(answer: Promise<Answer<T>>): Promise<T> {
  const { data, error, response } = await answer;
  if (!response.ok) throw errorFrom(response.status, error, response.headers);
  return data as T;
}

/**
 * The schema calls a recipe "any object"; types.ts knows more about it.
 */
function knownImages<T>(answer: Promise<unknown>): Promise<T> {
  return answer as Promise<T>;
}

export interface PageQuery {
  cursor?: string | null;
  /** 1 to 100. */
  limit?: number;
}

export const api = {
  me: () => unwrap(client.GET('/api/v1/me')),
  /** QR code of the authenticator app's key that is being set up. */
  totpPicture: () => unwrap(client.GET('/api/v1/me/totp-picture')),
  tokens: (query: PageQuery) => unwrap(client.GET('/api/v1/me/tokens', { params: { query: present(query) } })),
  /** Its answer is the only one that holds the token itself. */
  createToken: (body: TokenRequest) => unwrap(client.POST('/api/v1/me/tokens', { body })),
  revokeToken: (id: string) =>
    unwrap(client.DELETE('/api/v1/me/tokens/{token_id}', { params: { path: { token_id: id } } })),
  /** For those with the right to see it. */
  audit: (query: PageQuery & AuditQuery) => unwrap(client.GET('/api/v1/audit', { params: { query: present(query) } })),
  options: () => unwrap(client.GET('/api/v1/options')),
  models: () => unwrap(client.GET('/api/v1/models')),
  myLimits: () => unwrap(client.GET('/api/v1/me/limits')),
  /** What a request would cost; nothing is stored. */
  quote: (body: JobRequest) => unwrap(client.POST('/api/v1/jobs/quote', { body })),

  jobs: (query: PageQuery & { state?: 'active' | 'finished' } = {}) =>
    knownImages<Page<Job>>(unwrap(client.GET('/api/v1/jobs', { params: { query: present(query) } }))),
  job: (id: string) =>
    knownImages<Job>(unwrap(client.GET('/api/v1/jobs/{job_id}', { params: { path: { job_id: id } } }))),
  /** Submits a job; repeating the same key returns the first job instead of making another. */
  submitJob: (body: JobRequest, idempotencyKey: string) =>
    knownImages<Job>(
      unwrap(client.POST('/api/v1/jobs', { body, params: { header: { 'Idempotency-Key': idempotencyKey } } })),
    ),
  cancelJob: (id: string) =>
    knownImages<Job>(unwrap(client.POST('/api/v1/jobs/{job_id}/cancel', { params: { path: { job_id: id } } }))),

  holdJob: (id: string) => knownImages<Job>(unwrap(client.POST('/api/v1/jobs/{job_id}/hold', oneJob(id)))),
  releaseJob: (id: string) => knownImages<Job>(unwrap(client.POST('/api/v1/jobs/{job_id}/release', oneJob(id)))),
  moveJob: (id: string, body: Move) =>
    knownImages<Job>(unwrap(client.POST('/api/v1/jobs/{job_id}/move', { ...oneJob(id), body }))),
  /** A new job that does the same and takes its place in the list. */
  retryJob: (id: string) => knownImages<Job>(unwrap(client.POST('/api/v1/jobs/{job_id}/retry', oneJob(id)))),
  /** Past everybody's, for those who may. */
  expediteJob: (id: string) => knownImages<Job>(unwrap(client.POST('/api/v1/jobs/{job_id}/expedite', oneJob(id)))),
  unexpediteJob: (id: string) => knownImages<Job>(unwrap(client.POST('/api/v1/jobs/{job_id}/unexpedite', oneJob(id)))),
  cancelJobs: () => unwrap(client.POST('/api/v1/jobs/cancel')),
  clearJobs: () => unwrap(client.POST('/api/v1/jobs/clear')),

  pauseQueue: (reason: string) => unwrap(client.POST('/api/v1/queue/pause', { body: { reason } })),
  resumeQueue: () => unwrap(client.POST('/api/v1/queue/resume')),
  /** What those who manage the queue do to somebody's job. */
  manage: {
    cancel: (id: string) => unwrap(client.POST('/api/v1/queue/jobs/{job_id}/cancel', oneJob(id))),
    hold: (id: string) => unwrap(client.POST('/api/v1/queue/jobs/{job_id}/hold', oneJob(id))),
    release: (id: string) => unwrap(client.POST('/api/v1/queue/jobs/{job_id}/release', oneJob(id))),
    expedite: (id: string) => unwrap(client.POST('/api/v1/queue/jobs/{job_id}/expedite', oneJob(id))),
    unexpedite: (id: string) => unwrap(client.POST('/api/v1/queue/jobs/{job_id}/unexpedite', oneJob(id))),
  },

  /** The prompt with what it does not say yet; each call another variant. */
  enhancePrompt: (prompt: string) => unwrap(client.POST('/api/v1/prompts/enhance', { body: { prompt } })),

  /** Stores a picture that jobs may begin with. */
  upload: (file: Blob) => unwrap(client.POST('/api/v1/uploads', oneFile(file))),
  /** What a picture file says about how it was made; nothing is stored. */
  readRecipe: (file: Blob) => unwrap(client.POST('/api/v1/images/read-recipe', oneFile(file))),

  images: (query: PageQuery & ImageFilter = {}) =>
    knownImages<Page<Image>>(unwrap(client.GET('/api/v1/images', { params: { query: present(query) } }))),
  image: (id: string) => knownImages<Image>(unwrap(client.GET('/api/v1/images/{image_id}', oneImage(id)))),
  /** Up to 200 pictures; the answer names those that are now so. */
  setFavourites: (ids: string[], favourite: boolean) =>
    unwrap(client.POST('/api/v1/images/favourite', { body: { ids, favourite } })),
  /** Up to 200 pictures into the trash. */
  trashImages: (ids: string[]) => unwrap(client.POST('/api/v1/images/trash', { body: { ids } })),
  restoreImages: (ids: string[]) => unwrap(client.POST('/api/v1/images/restore', { body: { ids } })),

  /** Workers, queue and rates; for those who look after them. */
  fleet: () => unwrap(client.GET('/api/v1/workers')),
  /** Lets a worker finish what it has and take nothing more. */
  drainWorker: (name: string) => unwrap(client.POST('/api/v1/workers/{name}/drain', { params: { path: { name } } })),
  resumeWorker: (name: string) => unwrap(client.POST('/api/v1/workers/{name}/resume', { params: { path: { name } } })),
};

function oneJob(id: string) {
  return { params: { path: { job_id: id } } };
}

function oneImage(id: string) {
  return { params: { path: { image_id: id } } };
}

/** A form with one file; the schema calls a file a string. */
function oneFile(file: Blob) {
  const form = new FormData();
  form.append('file', file);
  return { body: { file: '' }, bodySerializer: () => form };
}

/** Without the parameters that say nothing: `?cursor=` is not the same as no cursor. */
function present<T extends object>(query: T): T {
  const said = Object.entries(query).filter(([, value]) => value !== undefined && value !== null && value !== '');
  return Object.fromEntries(said) as T;
}

/** Keys of the query cache; invalidating a shorter key reaches everything below it. */
export const queryKeys = {
  me: ['me'] as const,
  /** What the sign-in page offers, and the step that was left open. */
  entry: ['entry', 'config'] as const,
  /** What the settings know about the account. */
  account: ['account'] as const,
  options: ['options'] as const,
  models: ['models'] as const,
  fleet: ['fleet'] as const,
  myLimits: ['limits'] as const,
  quote: (cost: string, queue: number) => ['quote', cost, queue] as const,
  finishedJobs: ['jobs', 'finished'] as const,
  images: ['images'] as const,
  imageList: (filter: ImageFilter) => ['images', 'list', filter] as const,
};
