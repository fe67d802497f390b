/** The jobs of the signed-in person for React: one socket, one store, and the image cache kept true. */
import type { QueryClient } from '@tanstack/react-query';
import { create } from 'zustand';
import { useShallow } from 'zustand/react/shallow';

import { api, queryKeys } from '../api/client';
import { ApiError } from '../api/errors';
import type { Job, ServerMessage } from '../api/types';
import { cacheAddImages } from './imageCache';
import { bindQueue } from './queueStore';
import { EMPTY_JOBS, isFinished, jobsReducer } from './jobs';
import type { JobsState, JobView, LocalEvent } from './jobs';
import { Previews } from './previews';
import { socketUrl } from './server';
import { PortalSocket } from './socket';
import type { ConnectionStatus } from './socket';

const NEWEST = 60;

interface JobsStore extends JobsState {
  connection: ConnectionStatus;
  /** Takes a message of the server (also the answer to `POST /jobs`, as `{type: 'job', data}`) or a local event. */
  dispatch: (event: ServerMessage | LocalEvent) => void;
}

export const useJobs = create<JobsStore>()((set) => ({
  ...EMPTY_JOBS,
  connection: 'connecting',
  dispatch: (event) => set(({ jobs, order }) => jobsReducer({ jobs, order }, event)),
}));

/** Unfinished jobs, oldest first. */
export function useActiveJobs(): JobView[] {
  return useJobs(useShallow((state) => activeJobs(state)));
}

export function useJob(id: string | null | undefined): JobView | undefined {
  return useJobs((state) => (id ? state.jobs[id] : undefined));
}

export function useConnection(): ConnectionStatus {
  return useJobs((state) => state.connection);
}

/** Makes a job known before the socket tells about it: pass what `POST /jobs` returned. */
export function addJob(job: Job): void {
  useJobs.getState().dispatch({ type: 'job', data: job });
}

export interface PortalOptions {
  queryClient: QueryClient;
  /** Called when the server says that nobody is signed in any more; `me` is fetched again in any case. */
  onSessionExpired?: () => void;
  /** Another address than this page's server. */
  url?: string;
}

/** Opens the event socket; call it once somebody is signed in. Returns the function that closes it and forgets the jobs. */
export function connectPortal({ queryClient, onSessionExpired, url = socketUrl() }: PortalOptions): () => void {
  const previews = new Previews();
  let wasOffline = false;
  let isClosed = false;

  const receive = (message: ServerMessage): void => {
    const before = useJobs.getState().jobs;
    queue.receive(message);
    useJobs.getState().dispatch(message);
    const { jobs } = useJobs.getState();
    previews.releaseExcept((id) => id in jobs);
    publishNewImages(queryClient, before, jobs);
    if (message.type === 'snapshot') void askAboutStaleJobs(receive);
  };

  const socket = new PortalSocket({
    url,
    onMessage: receive,
    onPreview: (jobId, step, total, jpeg) => {
      const job = useJobs.getState().jobs[jobId];
      if (!job || isFinished(job)) return;
      const event = { type: 'preview', jobId, step, total, url: previews.put(jobId, jpeg) } as const;
      useJobs.getState().dispatch(event);
    },
    onStatus: (connection) => {
      useJobs.setState({ connection });
      if (connection === 'online') queue.online();
      if (connection === 'online' && wasOffline) void catchUp(queryClient);
      wasOffline = connection === 'offline';
    },
    onSessionExpired: () => {
      onSessionExpired?.();
      void stayIfSignedIn();
    },
  });
  const queue = bindQueue((message) => socket.send(message));

  // Whoever has just changed their password has a new session; the socket was opened with the old one.
  async function stayIfSignedIn(): Promise<void> {
    await queryClient.invalidateQueries({ queryKey: queryKeys.me });
    const me = await queryClient.fetchQuery({ queryKey: queryKeys.me, queryFn: api.me }).catch(() => undefined);
    if (me?.user && !isClosed) socket.reconnect();
  }

  return () => {
    isClosed = true;
    socket.close();
    queue.reset();
    previews.releaseAll();
    useJobs.getState().dispatch({ type: 'reset' });
  };
}

function activeJobs({ jobs, order }: JobsState): JobView[] {
  return order.flatMap((id) => {
    const job = jobs[id];
    return job && !isFinished(job) ? [job] : [];
  });
}

/** Puts the pictures of jobs that have just become done at the top of the cached lists. */
function publishNewImages(client: QueryClient, before: JobsState['jobs'], after: JobsState['jobs']): void {
  for (const job of Object.values(after)) {
    const known = before[job.id];
    if (known === job || job.state !== 'done' || (known?.state === 'done' && known.images.length > 0)) continue;
    cacheAddImages(client, job.images);
  }
}

/** Pictures that were finished while nobody told us: the newest are enough, the rest comes when a list is opened. */
async function catchUp(client: QueryClient): Promise<void> {
  try {
    const { items } = await api.images({ limit: NEWEST });
    cacheAddImages(client, items);
  } catch {
    // The next break or the next opened list repairs it.
  }
}

/** Jobs that the snapshot no longer names have ended while we were away: one request each tells how. */
async function askAboutStaleJobs(receive: (message: ServerMessage) => void): Promise<void> {
  const stale = Object.values(useJobs.getState().jobs).filter((job) => job.stale);
  await Promise.all(
    stale.map(async ({ id }) => {
      try {
        receive({ type: 'job', data: await api.job(id) });
      } catch (error) {
        // Anything but "not yours, not there" keeps the job marked; the next snapshot asks again.
        if (error instanceof ApiError && error.status === 404)
          useJobs.getState().dispatch({ type: 'forget', jobId: id });
      }
    }),
  );
}
