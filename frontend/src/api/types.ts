/**
 * The types of the wire; every module takes them from here. The shapes of HTTP come from schema.d.ts, which is made of
 * the server's own description (`python -m tests.stages.schema --write`); the socket's messages follow docs/protocol.md.
 * Times are ISO 8601 in UTC, ids are UUIDv7.
 */

import type { components } from './schema';

type Schemas = components['schemas'];

export type Params = Schemas['Params'];
export type JobState = Schemas['JobOut']['state'];
export type ErrorBody = Schemas['ErrorOut'];
export type Progress = Schemas['ProgressOut'];
export type Model = Schemas['ModelOut'];
export type User = Schemas['UserOut'];
export type Me = Schemas['MeOut'];
export type TokenRequest = Schemas['TokenIn'];
/** What to show of the audit log. */
export interface AuditQuery {
  action?: string;
  actor?: string;
  target?: string;
  since?: string;
  until?: string;
}
export type SamplerOption = Schemas['SamplerOut'];
export type ScheduleOption = Schemas['ScheduleOut'];
export type Limits = Schemas['LimitsOut'];
export type Options = Schemas['OptionsOut'];
/** A model other than a checkpoint, as the options list it. */
export type ModelName = Schemas['ModelNameOut'];
export type LoraSlot = Schemas['LoraIn'];
export type Hires = Schemas['HiresIn'];
export type Upscale = Schemas['UpscaleIn'];
export type FaceRestoration = Schemas['FaceRestorationIn'];
export type DetailPass = Schemas['DetailIn'];
export type FreeU = Schemas['FreeUIn'];
export type Variation = Schemas['VariationIn'];
/** What a picture file says about how it was made. */
export type ReadRecipe = Schemas['RecipeOut'];
/** Workers, queue and rates at one moment. */
export type Fleet = Schemas['FleetOut'];
export type WorkerStatus = Schemas['WorkerOut'];
export type Upload = Schemas['UploadOut'];
/** What I may use and have used. */
export type MyLimits = Schemas['MyLimitsOut'];
export type LimitCount = Schemas['LimitCountOut'];
/** What a request would cost. */
export type Quote = Schemas['QuoteOut'];
export type QuoteRefusal = Schemas['RefusalOut'];
/** How the queue stands. */
export type Queue = Schemas['QueueOut'];
/** Somebody's unfinished job, as far as this person may see it. */
export type QueueJob = Schemas['QueueJobOut'];
/** A new place among the owner's waiting jobs: one of the two. */
export type Move = { to: 'first' | 'last' | 'up' | 'down' } | { before: string };

/** What a client sends: everything but the prompt may be left to the server's defaults. `model` is an id or a name. */
export type JobRequest = Schemas['GenerateIn'];

/** The stored recipe of one image; keys beyond the parameters vary with the version of the server. */
export interface Recipe extends Partial<Params> {
  version?: number;
  model_hash?: string;
  job_id?: string;
  buckets?: unknown;
  timings?: Record<string, number>;
  device?: string;
  dtype?: string;
  [key: string]: unknown;
}

export type Image = Omit<Schemas['ImageOut'], 'recipe'> & { recipe: Recipe };

export type Job = Omit<Schemas['JobOut'], 'images'> & { images: Image[] };

export interface Page<T> {
  items: T[];
  next_cursor: string | null;
}

/** Filters of the gallery list; undefined means "any". */
export interface ImageFilter {
  q?: string;
  task?: string;
  favourite?: boolean;
}

export interface ProgressData extends Progress {
  /** base64 JPEG; absent when previews come as binary frames. */
  preview?: string;
  job_id: string;
  eta_seconds: number | null;
}

export interface CompleteData {
  images: string[];
  metadata: Params;
  paths: string[];
  gdrive_ids: string[];
  job_id: string;
  items: Image[];
}

export interface SnapshotMessage {
  type: 'snapshot';
  data: { jobs: Job[] };
}

export interface JobMessage {
  type: 'job';
  data: Job;
  request_id?: string;
}

export interface ProgressMessage {
  type: 'progress';
  job_id: string;
  data: ProgressData;
}

export interface CompleteMessage {
  type: 'complete';
  job_id: string;
  data: CompleteData;
}

export interface ErrorMessage extends ErrorBody {
  type: 'error';
  job_id?: string;
  action?: string;
  request_id?: string;
}

export interface ModelsMessage {
  type: 'models';
  data: { models: Model[]; samplers: unknown[]; schedulers: unknown[] };
  request_id?: string;
}

export interface GalleryMessage {
  type: 'gallery';
  data: { images: Image[]; page: number; limit: number; total: number; has_next: boolean };
  request_id?: string;
}

export interface OrderMessage {
  type: 'order';
  data: { turns: Record<string, number> };
}

export interface ClearedMessage {
  type: 'cleared';
  data: { job_ids: string[] };
}

export interface QueueMessage {
  type: 'queue';
  data: Queue;
}

export interface QueueJobsMessage {
  type: 'queue_jobs';
  data: { items: QueueJob[]; more: boolean };
}

export type ServerMessage =
  | SnapshotMessage
  | JobMessage
  | ProgressMessage
  | CompleteMessage
  | ErrorMessage
  | ModelsMessage
  | GalleryMessage
  | OrderMessage
  | ClearedMessage
  | QueueMessage
  | QueueJobsMessage;
