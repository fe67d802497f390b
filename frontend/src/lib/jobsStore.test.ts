// @vitest-environment jsdom
import { QueryClient } from '@tanstack/react-query';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';

import { api, queryKeys } from '../api/client';
import { ApiError } from '../api/errors';
import type { Image, Job, Page } from '../api/types';
import { FakeWebSocket, previewBytes } from '../test/fakeWebSocket';
import { connectPortal, useJobs } from './jobsStore';
import { CLOSE_NOT_SIGNED_IN } from './socket';

const A = '0193595a-6c3d-7e2f-8a41-0f1e2d3c4b5a';
const B = '0193595a-6c3d-7e2f-8a41-0f1e2d3c4b5b';
const list = queryKeys.imageList({});

let client: QueryClient;
let disconnect: () => void;
const liveUrls = new Set<string>();

function job(id: string, extra: Partial<Job> = {}): Job {
  return {
    id,
    state: 'running',
    attempt: 1,
    progress: null,
    images: [],
    error: null,
    eta_seconds: null,
    ...extra,
  } as Job;
}

function image(id: string, job_id: string): Image {
  return { id, job_id, index: 0 } as Image;
}

function says(message: object): void {
  FakeWebSocket.last.receives(JSON.stringify(message));
}

const stored = () => useJobs.getState().jobs;
const listed = () => client.getQueryData<Page<Image>>(list)?.items.map(({ id }) => id);

beforeEach(async () => {
  vi.useFakeTimers();
  vi.stubGlobal('WebSocket', FakeWebSocket);
  FakeWebSocket.made = [];
  liveUrls.clear();
  URL.createObjectURL = () => {
    const url = `blob:${Math.random()}`;
    liveUrls.add(url);
    return url;
  };
  URL.revokeObjectURL = (url) => liveUrls.delete(url);
  vi.spyOn(api, 'images').mockReset().mockResolvedValue({ items: [], next_cursor: null });
  client = new QueryClient();
  client.setQueryData(list, { items: [image('1', 'old')], next_cursor: null });
  disconnect = connectPortal({ queryClient: client, url: 'ws://portal.test/ws/' });
  await vi.advanceTimersByTimeAsync(0);
  FakeWebSocket.last.opens();
});

afterEach(() => {
  disconnect();
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

async function reconnect(): Promise<void> {
  FakeWebSocket.last.dropped(1006);
  await vi.advanceTimersByTimeAsync(5_000);
  FakeWebSocket.last.opens();
}

describe('the store of jobs', () => {
  it('knows the connection', async () => {
    expect(useJobs.getState().connection).toBe('online');
    FakeWebSocket.last.dropped(1006);
    expect(useJobs.getState().connection).toBe('offline');
    await vi.advanceTimersByTimeAsync(5_000);
    FakeWebSocket.last.opens();
    expect(useJobs.getState().connection).toBe('online');
  });

  it('puts the pictures of a finished job at the top of the lists, once', () => {
    says({ type: 'job', data: job(A) });
    const complete = { images: [], metadata: {}, paths: [], gdrive_ids: [], job_id: A, items: [image('2', A)] };
    says({ type: 'complete', job_id: A, data: complete });
    says({ type: 'job', data: job(A, { state: 'done', images: [image('2', A)] }) });
    expect(listed()).toEqual(['2', '1']);
  });

  it('shows previews, and leaves no object URL behind', () => {
    says({ type: 'job', data: job(A) });
    for (let step = 1; step <= 30; step++) FakeWebSocket.last.receives(previewBytes(A, step, 30, [1]));
    expect(stored()[A]).toMatchObject({ previewStep: 30 });
    expect(liveUrls.has(stored()[A]?.previewUrl ?? '')).toBe(true);
    expect(liveUrls.size).toBe(2);
    useJobs.getState().dispatch({ type: 'forget', jobId: A });
    says({ type: 'job', data: job(B) });
    expect(liveUrls.size).toBe(0);
  });

  it('makes no object URL for a job that it does not know or that is over', () => {
    FakeWebSocket.last.receives(previewBytes(A, 1, 30, [1]));
    says({ type: 'job', data: job(A, { state: 'cancelled' }) });
    FakeWebSocket.last.receives(previewBytes(A, 2, 30, [1]));
    expect(liveUrls.size).toBe(0);
  });

  it('asks how a job ended that the snapshot no longer names', async () => {
    says({ type: 'job', data: job(A) });
    says({ type: 'job', data: job(B) });
    const ask = vi.spyOn(api, 'job').mockImplementation((id) => {
      if (id === B) return Promise.reject(new ApiError(404, { code: 'not_found' }));
      return Promise.resolve(job(A, { state: 'done', images: [image('2', A)] }));
    });
    await reconnect();
    says({ type: 'snapshot', data: { jobs: [] } });
    await vi.advanceTimersByTimeAsync(0);
    expect(ask).toHaveBeenCalledTimes(2);
    expect(stored()[A]?.state).toBe('done');
    expect(stored()[B]).toBeUndefined();
    expect(listed()).toEqual(['2', '1']);
  });

  it('asks again after the next break when there was no answer', async () => {
    says({ type: 'job', data: job(A) });
    const ask = vi
      .spyOn(api, 'job')
      .mockReset()
      .mockRejectedValue(new ApiError(0, { code: 'offline' }));
    for (let i = 1; i <= 2; i++) {
      await reconnect();
      says({ type: 'snapshot', data: { jobs: [] } });
      await vi.advanceTimersByTimeAsync(0);
      expect(ask).toHaveBeenCalledTimes(i);
      expect(stored()[A]?.stale).toBe(true);
    }
  });

  it('fetches the pictures it has missed, with one request', async () => {
    vi.mocked(api.images).mockResolvedValue({ items: [image('3', B), image('1', 'old')], next_cursor: null });
    await reconnect();
    await vi.advanceTimersByTimeAsync(0);
    expect(api.images).toHaveBeenCalledOnce();
    expect(listed()).toEqual(['3', '1']);
  });

  it('fetches who is signed in when the session has ended', () => {
    client.setQueryData(queryKeys.me, {});
    FakeWebSocket.last.dropped(CLOSE_NOT_SIGNED_IN);
    expect(client.getQueryState(queryKeys.me)?.isInvalidated).toBe(true);
  });

  it('forgets everything when it is closed', () => {
    says({ type: 'job', data: job(A) });
    FakeWebSocket.last.receives(previewBytes(A, 1, 30, [1]));
    disconnect();
    expect(stored()).toEqual({});
    expect(liveUrls.size).toBe(0);
  });
});
