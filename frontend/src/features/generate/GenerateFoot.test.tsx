// @vitest-environment jsdom
import { MantineProvider } from '@mantine/core';
import { QueryClient, QueryClientProvider } from '@tanstack/react-query';
import { cleanup, fireEvent, render, screen } from '@testing-library/react';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';

import '../../i18n';
import { api } from '../../api/client';
import type { Model, MyLimits, Quote } from '../../api/types';
import { DEFAULT_FORM } from './formState';
import { GenerateFoot } from './GenerateFoot';
import { useForm } from './store';

vi.setConfig({ testTimeout: 30_000 });

const quote: Quote = {
  cost_tflop: 1,
  gpu_seconds: 12,
  pictures: 1,
  position: 3,
  starts_in_seconds: 40,
  jobs_waiting: 3,
  jobs_waiting_limit: 10,
  allowed: true,
  refusal: null,
};

const model = { id: 'm1', name: 'Demo', family: 'sd15', native_size: 512, is_default: true, description: '' };

beforeEach(() => {
  vi.spyOn(api, 'models').mockResolvedValue({ items: [model as Model], next_cursor: null });
  vi.spyOn(api, 'options').mockReturnValue(new Promise(() => undefined));
  vi.spyOn(api, 'myLimits').mockReturnValue(new Promise<MyLimits>(() => undefined));
  useForm.setState({ form: DEFAULT_FORM });
});

afterEach(cleanup);

function show(answer: Quote) {
  vi.spyOn(api, 'quote').mockResolvedValue(answer);
  const onGenerate = vi.fn();
  render(
    <MantineProvider env="test">
      <QueryClientProvider client={new QueryClient()}>
        <GenerateFoot isSending={false} onGenerate={onGenerate} />
      </QueryClientProvider>
    </MantineProvider>,
  );
  return onGenerate;
}

it('says what it costs before it is pressed', async () => {
  const onGenerate = show(quote);
  await screen.findByText('≈ 12 s of GPU · starts in ~40 s · 3 of 10 jobs waiting');
  fireEvent.click(screen.getByRole('button', { name: /Generate/ }));
  expect(onGenerate).toHaveBeenCalledOnce();
});

it('says why it would be refused, and the button with it', async () => {
  const refusal = {
    code: 'quota_exceeded',
    message: '10 of your jobs wait, and 10 may.',
    hint: '',
    fields: {},
    limit: 'jobs_waiting',
    allowed: 10,
    used: 10,
    wanted: 1,
    resets_at: null,
  };
  const onGenerate = show({ ...quote, allowed: false, refusal });
  const reason = await screen.findByRole('status');
  expect(reason.textContent).toContain('10 of 10 jobs waiting');
  const button = screen.getByRole('button', { name: /Generate/ });
  expect(button.getAttribute('aria-disabled')).toBe('true');
  expect(button.getAttribute('aria-describedby')).toBe(reason.id);
  fireEvent.click(button);
  expect(onGenerate).not.toHaveBeenCalled();
});

it("falls back to the server's words for a limit that it does not know", async () => {
  const refusal = {
    code: 'quota_exceeded',
    message: 'Not on Sundays.',
    hint: '',
    fields: {},
    limit: 'weekday',
    allowed: 0,
    used: 0,
    wanted: 1,
    resets_at: null,
  };
  show({ ...quote, allowed: false, refusal });
  await screen.findByText('Not on Sundays.');
});
