// @vitest-environment jsdom
import { MantineProvider } from '@mantine/core';
import { QueryClient, QueryClientProvider } from '@tanstack/react-query';
import { cleanup, fireEvent, render, screen, waitFor } from '@testing-library/react';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';

import '../../i18n';
import { api } from '../../api/client';
import type { Job, Queue, QueueJob, User } from '../../api/types';
import { addJob, useJobs } from '../../lib/jobsStore';
import { bindQueue, useQueue } from '../../lib/queueStore';
import { SessionContext } from '../shell/sessionContext';
import { QueueDrawer } from './QueueDrawer';

vi.setConfig({ testTimeout: 30_000 });

function job(id: string, turn: number, extra: Partial<Job> = {}): Job {
  const params = { prompt: `prompt ${id}` } as Job['params'];
  return { id, state: 'queued', attempt: 0, turn, urgent: false, params, images: [], ...extra } as Job;
}

const PAUSED = { paused: true, reason: 'New disks', running: 1, waiting: 2, workers: 1 } as Queue;

function show(rights: string[] = []) {
  const user = { id: 1, username: 'ann', rights } as User;
  render(
    <MantineProvider env="test">
      <QueryClientProvider client={new QueryClient()}>
        <SessionContext value={{ user, version: '1' }}>
          <QueueDrawer opened onClose={() => undefined} />
        </SessionContext>
      </QueryClientProvider>
    </MantineProvider>,
  );
}

beforeEach(() => {
  vi.spyOn(api, 'jobs').mockResolvedValue({ items: [], next_cursor: null });
});

afterEach(() => {
  cleanup();
  useJobs.getState().dispatch({ type: 'reset' });
  useQueue.setState({ queue: null, everyone: null });
  vi.restoreAllMocks();
});

it('lists my jobs in their turns and moves one with the arrow keys', async () => {
  const move = vi.spyOn(api, 'moveJob').mockResolvedValue(job('a', 1));
  addJob(job('a', 2));
  addJob(job('b', 1));
  show();
  const rows = await screen.findAllByRole('listitem');
  expect(rows.map((row) => row.textContent?.match(/prompt ./)?.[0])).toEqual(['prompt b', 'prompt a']);
  fireEvent.keyDown(screen.getByRole('button', { name: /drag: prompt a/ }), { key: 'ArrowUp' });
  await waitFor(() => expect(move).toHaveBeenCalledWith('a', { to: 'up' }));
});

it('drops a job where the line was shown, though the list has moved since', async () => {
  const move = vi.spyOn(api, 'moveJob').mockResolvedValue(job('c', 0));
  let top = 200;
  vi.spyOn(Element.prototype, 'getBoundingClientRect').mockImplementation(function (this: Element) {
    const rows = [...document.querySelectorAll('[data-movable]')];
    return { top: top + 100 * rows.indexOf(this), height: 100 } as DOMRect;
  });
  Element.prototype.setPointerCapture = () => undefined;
  for (const [turn, id] of ['a', 'b', 'c'].entries()) addJob(job(id, turn));
  show();
  const handle = await screen.findByRole('button', { name: /drag: prompt c/ });
  fireEvent.pointerDown(handle, { clientY: 450 });
  fireEvent.pointerMove(handle, { clientY: 210 });
  top = 0; // two that ran above are done
  fireEvent.pointerUp(handle, { clientY: 210 });
  await waitFor(() => expect(move).toHaveBeenCalledWith('c', { before: 'a' }));
});

it('asks before it cancels all of mine', async () => {
  const cancel = vi.spyOn(api, 'cancelJobs').mockResolvedValue({ count: 2 });
  addJob(job('a', 1));
  addJob(job('b', 2));
  show();
  fireEvent.click(await screen.findByRole('button', { name: 'Cancel all of mine' }));
  expect(cancel).not.toHaveBeenCalled();
  const buttons = await screen.findAllByRole('button', { name: 'Cancel all of mine' });
  fireEvent.click(buttons[buttons.length - 1]!);
  await waitFor(() => expect(cancel).toHaveBeenCalledOnce());
});

it('says that the queue is paused, and lets only those with the right resume it', async () => {
  useQueue.setState({ queue: PAUSED });
  show();
  expect(await screen.findByText('New disks')).toBeTruthy();
  expect(screen.queryByRole('button', { name: 'Resume the queue' })).toBeNull();
  cleanup();
  show(['generation.manage_queue']);
  expect(await screen.findByRole('button', { name: 'Resume the queue' })).toBeTruthy();
});

it('shows of other people’s jobs that there are some', async () => {
  const queue = bindQueue(() => undefined);
  show();
  fireEvent.click(await screen.findByText('Everyone'));
  const hidden = { id: 'x', state: 'queued', position: 1, eta_seconds: null, urgent: false, mine: false, owner: null };
  const data = { items: [{ ...hidden, prompt: null, progress: null } as QueueJob], more: false };
  queue.receive({ type: 'queue_jobs', data });
  expect(await screen.findByText('Somebody’s job')).toBeTruthy();
  expect(screen.queryByRole('button', { name: /^Manage/ })).toBeNull();
});
