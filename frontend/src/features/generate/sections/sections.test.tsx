// @vitest-environment jsdom
import { MantineProvider } from '@mantine/core';
import { QueryClient, QueryClientProvider } from '@tanstack/react-query';
import { act, cleanup, fireEvent, render, screen, waitFor } from '@testing-library/react';
import type { ReactNode } from 'react';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';

import '../../../i18n';
import { api } from '../../../api/client';
import { ApiError } from '../../../api/errors';
import type { Model, Options, Upload } from '../../../api/types';
import { openSection, useUi } from '../../../lib/uiStore';
import { DEFAULT_FORM, DEFAULT_LIMITS } from '../formState';
import { applyRecipe, useForm } from '../store';
import { showRefusal } from '../useGenerate';
import { LorasSection } from './LorasSection';
import { StartPictureSection } from './StartPictureSection';

const named = (name: string, family: string, trigger_words: string[] = []) => ({
  id: `id-${name}`,
  name,
  family,
  trigger_words,
});

const OPTIONS = {
  samplers: [],
  schedules: [],
  limits: DEFAULT_LIMITS,
  loras: [named('sketch', 'sd15', ['pencil']), named('big', 'sdxl'), named('other', 'unknown')],
} as unknown as Options;

vi.setConfig({ testTimeout: 30_000 });

beforeEach(() => {
  Element.prototype.scrollIntoView = vi.fn();
  const model = { id: 'm1', name: 'Demo', family: 'sd15', native_size: 128, is_default: true } as Model;
  vi.spyOn(api, 'models').mockResolvedValue({ items: [model], next_cursor: null });
  vi.spyOn(api, 'options').mockResolvedValue(OPTIONS);
  useForm.setState({ form: DEFAULT_FORM, errors: {} });
  useUi.setState({ openSections: {} });
});

afterEach(cleanup);

function show(section: ReactNode) {
  render(
    <MantineProvider env="test">
      <QueryClientProvider client={new QueryClient()}>{section}</QueryClientProvider>
    </MantineProvider>,
  );
}

const form = () => useForm.getState().form;

describe('LorasSection', () => {
  beforeEach(() => openSection('loras'));

  it('offers the LoRAs that go with the model, and takes one in', async () => {
    show(<LorasSection />);
    fireEvent.click(await screen.findByPlaceholderText('Add a LoRA'));
    await screen.findByText('other');
    expect(screen.queryByText('big')).toBeNull();
    fireEvent.click(screen.getByText('sketch'));
    expect(form().loras).toEqual([{ name: 'sketch', weight: 1 }]);
  });

  it('weighs and removes', async () => {
    useForm.getState().change({ loras: [{ name: 'sketch', weight: 1 }] });
    show(<LorasSection />);
    fireEvent.change(await screen.findByRole('textbox', { name: 'sketch' }), { target: { value: '-0.5' } });
    expect(form().loras).toEqual([{ name: 'sketch', weight: -0.5 }]);
    fireEvent.click(screen.getByRole('button', { name: 'Remove sketch' }));
    expect(form().loras).toEqual([]);
  });

  it('puts a trigger word into the prompt, once', async () => {
    useForm.getState().change({ prompt: 'a cat', loras: [{ name: 'sketch', weight: 1 }] });
    show(<LorasSection />);
    fireEvent.click(await screen.findByRole('button', { name: '+ pencil' }));
    expect(form().prompt).toBe('a cat, pencil');
    expect(screen.queryByRole('button', { name: '+ pencil' })).toBeNull();
  });

  it('says when all places are taken, and when one does not fit', async () => {
    const loras = Array.from({ length: 6 }, (_, i) => ({ name: `l${i}`, weight: 1 }));
    useForm.getState().change({ loras: [...loras, { name: 'big', weight: 1 }] });
    show(<LorasSection />);
    expect(await screen.findByText('Made for SDXL; it does not go with this model.')).toBeTruthy();
    expect(screen.getByText(/All 7 places are taken/)).toBeTruthy();
    expect(screen.queryByPlaceholderText('Add a LoRA')).toBeNull();
  });

  it('says when there are none', async () => {
    vi.spyOn(api, 'options').mockResolvedValue({ ...OPTIONS, loras: [] });
    show(<LorasSection />);
    expect(await screen.findByText(/No LoRA for this model is installed/)).toBeTruthy();
  });
});

describe('errors of the server', () => {
  it('open their section and stand in it, until the field is changed', async () => {
    useForm.getState().change({ loras: [{ name: 'sketch', weight: 1 }] });
    show(<LorasSection />);
    const title = await screen.findByRole('button', { name: /LoRA/ });
    expect(title.getAttribute('aria-expanded')).toBe('false');
    const refusal = { code: 'invalid', message: 'No.', fields: { 'loras.0.weight': 'at most 10', mask: 'none' } };
    act(() => showRefusal(new ApiError(422, refusal), vi.fn()));
    await waitFor(() => expect(title.getAttribute('aria-expanded')).toBe('true'));
    expect(screen.getByText('at most 10').getAttribute('role')).toBe('alert');
    act(() => useForm.getState().change({ loras: [] }));
    expect(screen.queryByText('at most 10')).toBeNull();
  });
});

describe('StartPictureSection', () => {
  beforeEach(() => openSection('start'));
  const png = new File(['x'], 'cat.png', { type: 'image/png' });

  it('sends a chosen picture and begins with it', async () => {
    const upload = vi.spyOn(api, 'upload').mockResolvedValue({ reference: 'upload:u1' } as Upload);
    show(<StartPictureSection />);
    fireEvent.change(screen.getByLabelText('Start picture', { selector: 'input' }), { target: { files: [png] } });
    const picture = await screen.findByAltText('Start picture');
    expect(upload).toHaveBeenCalledWith(png);
    expect(picture.getAttribute('src')).toMatch(/\/api\/v1\/uploads\/u1\/content$/);
    expect(form().image).toBe('upload:u1');
    fireEvent.change(screen.getByRole('textbox', { name: 'Strength of the change' }), { target: { value: '0.3' } });
    expect(form().strength).toBe(0.3);
    fireEvent.click(screen.getByRole('button', { name: 'Remove the picture' }));
    expect(form().image).toBeNull();
  });

  it('takes a picture that is dropped on it', async () => {
    vi.spyOn(api, 'upload').mockResolvedValue({ reference: 'upload:u2' } as Upload);
    show(<StartPictureSection />);
    fireEvent.drop(screen.getByText('Choose or drop a picture'), { dataTransfer: { files: [png] } });
    await waitFor(() => expect(form().image).toBe('upload:u2'));
  });

  it('asks how to fit the picture only when a size is chosen', () => {
    useForm.getState().change({ image: 'image:i1', width: 256, height: 128 });
    show(<StartPictureSection />);
    fireEvent.click(screen.getByRole('button', { name: 'Fill' }));
    expect(form().resize_mode).toBe('fill');
    act(() => useForm.getState().change({ width: null, height: null }));
    expect(screen.getByText(/takes the shape of the picture/)).toBeTruthy();
  });

  it('says when the picture is gone', () => {
    useForm.getState().change({ image: 'upload:old' });
    show(<StartPictureSection />);
    fireEvent.error(screen.getByAltText('Start picture'));
    expect(screen.getByText('It is not here any more')).toBeTruthy();
  });

  it('is opened by a picture of the gallery that was taken to start from', () => {
    openSection('start', false);
    act(() => applyRecipe({ id: 'i7' } as Parameters<typeof applyRecipe>[0], 'start'));
    expect(form().image).toBe('image:i7');
    expect(useUi.getState().openSections.start).toBe(true);
  });
});
