// @vitest-environment jsdom
import { MantineProvider } from '@mantine/core';
import { QueryClient, QueryClientProvider } from '@tanstack/react-query';
import { cleanup, fireEvent, render, screen } from '@testing-library/react';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';

import '../../i18n';
import { api } from '../../api/client';
import type { Model } from '../../api/types';
import { DEFAULT_FORM } from './formState';
import { ModelField } from './ModelField';
import { SizeField } from './SizeField';
import { useForm } from './store';

const small = {
  id: 'm1',
  name: 'Demo emoji',
  family: 'sd15',
  native_size: 128,
  is_default: true,
  description: 'Small',
};
const large = { id: 'm2', name: 'Demo emoji XL', family: 'sdxl', native_size: 256, is_default: false, description: '' };

// Opening a dropdown takes jsdom long when the machine is busy.
vi.setConfig({ testTimeout: 30_000 });

beforeEach(() => {
  HTMLElement.prototype.scrollIntoView = vi.fn();
  vi.spyOn(api, 'models').mockResolvedValue({ items: [small, large] as Model[], next_cursor: null });
  vi.spyOn(api, 'options').mockReturnValue(new Promise(() => undefined));
  useForm.setState({ form: DEFAULT_FORM });
});

afterEach(cleanup);

async function choose(name: string) {
  render(
    <MantineProvider env="test">
      <QueryClientProvider client={new QueryClient()}>
        <ModelField />
        <SizeField />
      </QueryClientProvider>
    </MantineProvider>,
  );
  fireEvent.click(await screen.findByDisplayValue('Demo emoji'));
  fireEvent.click(await screen.findByText(name));
}

it('shows the default model and groups all of them by family', async () => {
  await choose('Demo emoji XL');
  expect(screen.getByText('SD 1.5')).toBeTruthy();
  expect(screen.getAllByText('SDXL')).toHaveLength(2); // the group, and the badge of what was chosen
  expect(screen.getByDisplayValue('Demo emoji XL')).toBeTruthy();
});

it('takes the size of the model along', async () => {
  await choose('Demo emoji XL');
  expect(useForm.getState().form).toMatchObject({ model: 'm2', width: null, height: null });
  expect(screen.getByText('256 × 256')).toBeTruthy();
});

it('keeps a size that was chosen by hand', async () => {
  useForm.setState({ form: { ...DEFAULT_FORM, width: 512, height: 384 } });
  await choose('Demo emoji XL');
  expect(useForm.getState().form).toMatchObject({ model: 'm2', width: 512, height: 384 });
});
