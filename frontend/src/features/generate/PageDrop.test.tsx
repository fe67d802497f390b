// @vitest-environment jsdom
import { MantineProvider } from '@mantine/core';
import { QueryClient, QueryClientProvider } from '@tanstack/react-query';
import { cleanup, fireEvent, render, screen, waitFor } from '@testing-library/react';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';

import '../../i18n';
import { api } from '../../api/client';
import { ApiError } from '../../api/errors';
import type { Model, Options, Upload } from '../../api/types';
import { DEFAULT_FORM } from './formState';
import { PageDrop } from './PageDrop';
import { useForm } from './store';

const RECIPE = {
  source: 'A1111',
  params: { prompt: 'a boat', model: 'Demo', seed: 43, steps: 9, loras: [{ name: 'sketch', weight: 0.5 }] },
  missing: [{ field: 'vae', value: 'lost', reason: 'This server has no such model.' }],
  extra: {},
};
const png = new File(['x'], 'boat.png', { type: 'image/png' });

vi.setConfig({ testTimeout: 30_000 });

beforeEach(() => {
  const model = { id: 'm1', name: 'Demo', family: 'sd15', native_size: 128, is_default: true } as Model;
  vi.spyOn(api, 'models').mockResolvedValue({ items: [model], next_cursor: null });
  vi.spyOn(api, 'options').mockResolvedValue({} as Options);
  vi.spyOn(api, 'upload').mockResolvedValue({ reference: 'upload:u1' } as Upload);
  useForm.setState({ form: { ...DEFAULT_FORM, prompt: 'mine' } });
  render(
    <MantineProvider env="test">
      <QueryClientProvider client={new QueryClient()}>
        <PageDrop />
      </QueryClientProvider>
    </MantineProvider>,
  );
});

afterEach(cleanup);

const form = () => useForm.getState().form;
const drop = () => fireEvent.drop(document.body, { dataTransfer: { files: [png], types: ['Files'] } });

it('offers the settings of a picture that knows them, and says what is missing', async () => {
  vi.spyOn(api, 'readRecipe').mockResolvedValue(RECIPE);
  await waitFor(() => expect(api.models).toHaveBeenCalled());
  drop();
  expect(await screen.findByText('vae: lost – This server has no such model.')).toBeTruthy();
  fireEvent.click(screen.getByText('Use its settings'));
  expect(form()).toMatchObject({ prompt: 'a boat', model: 'm1', seed: 43, randomSeed: false, steps: 9 });
  expect(form().loras).toEqual([{ name: 'sketch', weight: 0.5 }]);
  expect(form().image).toBeNull();
});

it('starts from it when that is wanted instead', async () => {
  vi.spyOn(api, 'readRecipe').mockResolvedValue(RECIPE);
  drop();
  fireEvent.click(await screen.findByText('Use as start picture'));
  await waitFor(() => expect(form().image).toBe('upload:u1'));
  expect(form().prompt).toBe('mine');
});

it('starts from a picture that knows nothing, without asking', async () => {
  vi.spyOn(api, 'readRecipe').mockRejectedValue(new ApiError(422, { code: 'no_recipe' }));
  drop();
  await waitFor(() => expect(form().image).toBe('upload:u1'));
  expect(screen.queryByText('Use its settings')).toBeNull();
});

it('shows where to drop while a file is held over the page', () => {
  const held = { dataTransfer: { files: [], types: ['Files'] } };
  fireEvent.dragOver(document.body, held);
  expect(screen.getByText('Drop the picture')).toBeTruthy();
  fireEvent.dragLeave(document.body, { ...held, relatedTarget: null });
  expect(screen.queryByText('Drop the picture')).toBeNull();
});
