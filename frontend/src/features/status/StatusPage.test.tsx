// @vitest-environment jsdom
import { MantineProvider } from '@mantine/core';
import { Notifications, notifications } from '@mantine/notifications';
import { QueryClient, QueryClientProvider } from '@tanstack/react-query';
import {
  Outlet,
  RouterProvider,
  createHashHistory,
  createRootRoute,
  createRoute,
  createRouter,
} from '@tanstack/react-router';
import { cleanup, configure, fireEvent, render, screen, waitFor, within } from '@testing-library/react';
import { afterEach, describe, expect, it, vi } from 'vitest';

import '../../i18n';
import { api } from '../../api/client';
import { ApiError } from '../../api/errors';
import type { Fleet, User, WorkerStatus } from '../../api/types';
import { SessionContext } from '../shell/sessionContext';
import StatusPage from './StatusPage';

function worker(name: string, changes: Partial<WorkerStatus> = {}): WorkerStatus {
  return {
    name,
    host: 'here',
    alive: true,
    accepts: true,
    device: 'cuda:0',
    device_name: 'Big Card',
    memory_total_mb: 24_000,
    memory_used_mb: 6_000,
    slots: 8,
    jobs_running: 2,
    jobs_done: 40,
    errors: 0,
    models: ['demo'],
    loads: 1,
    tick_ms: 41.3,
    mean_batch: 3.5,
    device_seconds: 600,
    started_at: '2026-11-23T06:00:00Z',
    seen_at: '2026-11-23T07:00:00Z',
    ...changes,
  };
}

function fleet(workers: WorkerStatus[], changes: Partial<Fleet> = {}): Fleet {
  return {
    workers,
    queue: {
      waiting: 12,
      held: 1,
      running: 3,
      oldest_wait_seconds: 42,
      paused: false,
      reason: '',
      since: null,
      paused_by: null,
    },
    rates: { pictures_per_minute: 7.5, jobs_per_hour: 210, mean_batch: 3.5 },
    errors: [],
    ...changes,
  };
}

function show({ rights = ['generation.view_worker', 'generation.manage_queue'] } = {}) {
  window.location.hash = '#/status';
  const user: User = { id: 1, username: 'root', email: '', is_staff: false, rights };
  const root = createRootRoute({ component: Outlet });
  const routes = [
    createRoute({ getParentRoute: () => root, path: '/', component: () => <p>the form</p> }),
    createRoute({ getParentRoute: () => root, path: '/status', component: StatusPage }),
  ];
  const router = createRouter({ routeTree: root.addChildren(routes), history: createHashHistory() });
  const client = new QueryClient({ defaultOptions: { queries: { retry: false } } });
  render(
    <MantineProvider>
      <Notifications />
      <QueryClientProvider client={client}>
        <SessionContext value={{ user, version: '1' }}>
          <RouterProvider router={router as never} />
        </SessionContext>
      </QueryClientProvider>
    </MantineProvider>,
  );
}

configure({ asyncUtilTimeout: 5000 }); // a busy machine draws slowly
const asked = vi.spyOn(api, 'fleet');

afterEach(() => {
  cleanup();
  notifications.clean();
  vi.clearAllMocks();
  asked.mockReset();
});

const figure = (label: string) => screen.getByText(label).nextElementSibling?.textContent;

describe('the status page', () => {
  it('shows the queue and the pace', async () => {
    asked.mockResolvedValue(fleet([worker('gpu0@here')], { errors: [{ code: 'out_of_memory', count: 2 }] }));
    show();
    await screen.findByRole('heading', { name: 'gpu0@here' });
    expect(figure('Waiting')).toBe('12');
    expect(figure('Longest wait')).toBe('42 s');
    expect(figure('Pictures a minute')).toBe('7.5');
    expect(figure('Failed in the last hour')).toBe('2');
    expect(screen.getByText('out_of_memory')).toBeTruthy();
  });

  it('shows what each worker has and does', async () => {
    asked.mockResolvedValue(
      fleet([worker('gpu0@here'), worker('gpu1@here', { alive: false, models: [], jobs_running: 0 })]),
    );
    show();
    const card = within(await screen.findByRole('listitem', { name: 'gpu0@here' }));
    expect(card.getByText('Big Card')).toBeTruthy();
    expect(card.getByText('Takes jobs')).toBeTruthy();
    expect(card.getByText('demo')).toBeTruthy();
    expect(card.getByText('2 of 8')).toBeTruthy();
    expect(card.getByRole('progressbar', { name: 'Memory of gpu0@here' }).getAttribute('aria-valuenow')).toBe('25');
    const gone = within(screen.getByRole('listitem', { name: 'gpu1@here' }));
    expect(gone.getByText('Gone')).toBeTruthy();
    expect(gone.getByText('None yet')).toBeTruthy();
  });

  it('drains a worker, and takes it back by the toast', async () => {
    asked.mockResolvedValue(fleet([worker('gpu0@here')]));
    const drain = vi.spyOn(api, 'drainWorker').mockResolvedValue(worker('gpu0@here', { accepts: false }));
    const resume = vi.spyOn(api, 'resumeWorker').mockResolvedValue(worker('gpu0@here'));
    show();
    const takes = await screen.findByRole('switch', { name: 'gpu0@here takes new jobs' });
    fireEvent.click(takes);
    await screen.findByText('Finishes its jobs');
    expect(drain).toHaveBeenCalledWith('gpu0@here');
    fireEvent.click(await screen.findByRole('button', { name: 'Undo' }));
    await screen.findByText('Takes jobs');
    expect(resume).toHaveBeenCalledWith('gpu0@here');
  });

  it('says why a worker could not be drained', async () => {
    asked.mockResolvedValue(fleet([worker('gpu0@here')]));
    vi.spyOn(api, 'drainWorker').mockRejectedValue(new ApiError(0, { code: 'offline' }));
    show();
    const takes = await screen.findByRole('switch');
    fireEvent.click(takes);
    await screen.findByRole('button', { name: 'Try again' });
    expect((takes as HTMLInputElement).checked).toBe(true);
  });

  it('lets those who may only look, look', async () => {
    asked.mockResolvedValue(fleet([worker('gpu0@here')]));
    show({ rights: ['generation.view_worker'] });
    await screen.findByRole('heading', { name: 'gpu0@here' });
    expect(screen.queryByRole('switch')).toBeNull();
  });

  it('sends others away', async () => {
    show({ rights: [] });
    await screen.findByText('the form');
    expect(asked).not.toHaveBeenCalled();
  });

  it('says how to start a worker where there is none', async () => {
    asked.mockResolvedValue(fleet([]));
    show();
    await screen.findByText('No worker is running');
    expect(screen.getByText('./run worker')).toBeTruthy();
  });

  it('says when the queue is paused', async () => {
    const queue = { waiting: 0, held: 0, running: 0, oldest_wait_seconds: null, paused: true };
    const pause = { reason: 'New disks', since: '2026-11-23T06:00:00Z', paused_by: 'ann' };
    asked.mockResolvedValue(fleet([], { queue: { ...queue, ...pause } }));
    show();
    await screen.findByText('The queue is paused');
    const notice = within(screen.getByRole('status'));
    expect(notice.getByText('New disks')).toBeTruthy();
    expect(notice.getByText(/^Paused by ann, 11\/23\/26/)).toBeTruthy();
    expect(figure('Longest wait')).toBe('nobody waits');
  });

  it('names nobody where nobody is known', async () => {
    const pause = { paused: true, reason: '', since: '2026-11-23T06:00:00Z', paused_by: null };
    asked.mockResolvedValue(fleet([], { queue: { ...fleet([]).queue, ...pause } }));
    show();
    await screen.findByText(/^Paused since 11\/23\/26/);
  });

  it('can be tried again after a failure', async () => {
    asked.mockRejectedValueOnce(new ApiError(0, { code: 'offline' })).mockResolvedValue(fleet([worker('gpu0@here')]));
    show();
    fireEvent.click(await screen.findByRole('button', { name: 'Try again' }));
    await waitFor(() => screen.getByRole('heading', { name: 'gpu0@here' }));
  });
});
