import { afterEach, describe, expect, it } from 'vitest';

import type { Queue } from '../api/types';
import { bindQueue, useQueue, watchQueue } from './queueStore';
import type { ClientMessage } from './socket';

const NUMBERS: Queue = {
  paused: true,
  reason: 'New disks',
  since: '2026-11-28T23:00:00Z',
  waiting: 2,
  held: 0,
  running: 1,
  workers: 1,
  mine: null,
};

function bind() {
  const sent: string[] = [];
  const queue = bindQueue((message: ClientMessage) => sent.push(message.action));
  return { sent, queue };
}

describe('the queue', () => {
  afterEach(() => bind().queue.reset());

  it('knows how it stands from the newest message', () => {
    const { queue } = bind();
    queue.receive({ type: 'queue', data: NUMBERS });
    queue.receive({ type: 'queue', data: { ...NUMBERS, paused: false } });
    expect(useQueue.getState().queue?.paused).toBe(false);
  });

  it('is watched as long as somebody looks, however many they are', () => {
    const { sent } = bind();
    const first = watchQueue();
    const second = watchQueue();
    first();
    expect(sent).toEqual(['watch_queue']);
    second();
    expect(sent).toEqual(['watch_queue', 'unwatch_queue']);
  });

  it('is watched again by a new connection', () => {
    const { sent, queue } = bind();
    queue.online();
    expect(sent).toEqual([]);
    const stop = watchQueue();
    queue.online();
    expect(sent).toEqual(['watch_queue', 'watch_queue']);
    stop();
  });

  it('forgets everybody’s jobs when nobody looks, and takes no late list', () => {
    const { queue } = bind();
    const stop = watchQueue();
    queue.receive({ type: 'queue_jobs', data: { items: [], more: false } });
    expect(useQueue.getState().everyone).toEqual({ items: [], more: false });
    stop();
    queue.receive({ type: 'queue_jobs', data: { items: [], more: true } });
    expect(useQueue.getState().everyone).toBeNull();
  });
});
