// @vitest-environment jsdom
import { MantineProvider } from '@mantine/core';
import { QueryClient, QueryClientProvider } from '@tanstack/react-query';
import { cleanup, render, screen } from '@testing-library/react';
import { afterEach, expect, it, vi } from 'vitest';

import '../../i18n';
import { api } from '../../api/client';
import { ApiError } from '../../api/errors';
import type { LimitCount, MyLimits } from '../../api/types';
import LimitsSection from './LimitsSection';

vi.setConfig({ testTimeout: 30_000 });

const free: LimitCount = { limit: null, used: 0, ahead: 0, resets_at: null };
const limits: MyLimits = {
  may_generate: true,
  weight: 2,
  largest_side: 1024,
  steps: null,
  jobs_waiting: { ...free, limit: 10, used: 3 },
  jobs_running: free,
  gpu_seconds_per_day: { limit: 600, used: 150, ahead: 30, resets_at: '2026-03-02T00:00:00Z' },
  pictures: { ...free, used: 42 },
  stored_mb: free,
  picture_days: null,
  trash_days: 30,
};

afterEach(cleanup);

function show() {
  const client = new QueryClient({ defaultOptions: { queries: { retry: false } } });
  render(
    <MantineProvider env="test">
      <QueryClientProvider client={client}>
        <LimitsSection />
      </QueryClientProvider>
    </MantineProvider>,
  );
}

it('shows what is used of what, and when it begins anew', async () => {
  vi.spyOn(api, 'myLimits').mockResolvedValue(limits);
  show();
  await screen.findByText('3 of 10');
  screen.getByText('150 of 600');
  screen.getByText('30 more by your unfinished jobs');
  screen.getByText(/starts anew/);
  screen.getByText('42, no limit');
  screen.getByText('1024 px');
  const [gpu] = screen.getAllByRole('progressbar', { name: 'GPU seconds today' });
  expect(gpu?.getAttribute('aria-valuenow')).toBe('25');
});

it('says how long pictures are kept', async () => {
  vi.spyOn(api, 'myLimits').mockResolvedValue(limits);
  show();
  await screen.findByText(/stay in your gallery until you delete them\. .* for 30 days/);
  cleanup();
  vi.spyOn(api, 'myLimits').mockResolvedValue({ ...limits, picture_days: 1, trash_days: 0 });
  show();
  await screen.findByText(/after 1 day, favourites excepted\. .* soon gone for good/);
});

it('says when somebody may not generate at all', async () => {
  vi.spyOn(api, 'myLimits').mockResolvedValue({ ...limits, may_generate: false });
  show();
  await screen.findByText('You may not generate pictures');
});

it('offers another try when the server does not answer', async () => {
  const failure = new ApiError(0, { code: 'offline', message: '', hint: '', fields: {} });
  vi.spyOn(api, 'myLimits').mockRejectedValue(failure);
  show();
  await screen.findByRole('button', { name: 'Try again' });
});
