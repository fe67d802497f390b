// @vitest-environment jsdom
import { MantineProvider } from '@mantine/core';
import { QueryClient, QueryClientProvider } from '@tanstack/react-query';
import { cleanup, fireEvent, render, screen, waitFor } from '@testing-library/react';
import type { ReactNode } from 'react';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';

import '../../../i18n';
import { api } from '../../../api/client';
import type { Model, Options } from '../../../api/types';
import { useUi } from '../../../lib/uiStore';
import { DEFAULT_FORM, DEFAULT_LIMITS } from '../formState';
import { useForm } from '../store';
import { AfterwardsSection } from './AfterwardsSection';
import { HiresSection } from './HiresSection';
import { MoreSection } from './MoreSection';

const named = (name: string, family = 'unknown') => ({ id: `id-${name}`, name, family, trigger_words: [] });

const OPTIONS = {
  samplers: [],
  schedules: [],
  limits: DEFAULT_LIMITS,
  vaes: [named('soft', 'sd15'), named('other', 'sdxl')],
  hires_upscalers: ['Latent', 'Lanczos'],
  upscalers: [named('tiny esrgan')],
  face_restorers: [],
  detectors: [named('hands')],
  builtin_detectors: ['mediapipe_face'],
} as unknown as Options;

vi.setConfig({ testTimeout: 30_000 });

beforeEach(() => {
  Element.prototype.scrollIntoView = vi.fn();
  const model = { id: 'm1', name: 'Demo', family: 'sd15', native_size: 128, is_default: true } as Model;
  vi.spyOn(api, 'models').mockResolvedValue({ items: [model], next_cursor: null });
  vi.spyOn(api, 'options').mockResolvedValue(OPTIONS);
  useForm.setState({ form: DEFAULT_FORM, errors: {} });
  useUi.setState({ openSections: { hires: true, afterwards: true, more: true } });
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
const type = (name: string, value: string) =>
  fireEvent.change(screen.getByRole('textbox', { name }), { target: { value } });

const part = (name: string) => screen.getByRole<HTMLInputElement>('switch', { name });
const chosen = (name: string) => screen.getByRole<HTMLInputElement>('combobox', { name }).value;

describe('HiresSection', () => {
  it('switches the second pass on with settings of its own, and off again', async () => {
    show(<HiresSection />);
    fireEvent.click(part('Second pass'));
    type('Enlarge by', '1.5');
    fireEvent.click(screen.getByRole('combobox', { name: 'Enlarge with' }));
    fireEvent.click(await screen.findByText('tiny esrgan'));
    expect(form().hires).toEqual({ scale: 1.5, steps: 0, strength: 0.7, upscaler: 'tiny esrgan' });
    fireEvent.click(part('Second pass'));
    expect(form().hires).toBeNull();
  });
});

describe('AfterwardsSection', () => {
  it('says what is missing instead of offering it', async () => {
    show(<AfterwardsSection />);
    const faces = await screen.findByRole<HTMLInputElement>('switch', { name: 'Restore faces' });
    expect(faces.disabled).toBe(true);
    expect(screen.getByText(/can put GFPGAN or CodeFormer/)).toBeTruthy();
  });

  it('offers face restoration where there is a model', async () => {
    vi.spyOn(api, 'options').mockResolvedValue({ ...OPTIONS, face_restorers: [named('GFPGAN')] });
    show(<AfterwardsSection />);
    const faces = part('Restore faces');
    await waitFor(() => expect(faces.disabled).toBe(false));
    fireEvent.click(faces);
    type('Faithfulness', '0.8');
    expect(form().face_restoration).toEqual({ visibility: 1, fidelity: 0.8 });
    expect(chosen('Model')).toBe('GFPGAN');
  });

  it('paints details anew, with words of their own', async () => {
    show(<AfterwardsSection />);
    const details = part('Details anew');
    await waitFor(() => expect(details.disabled).toBe(false));
    fireEvent.click(details);
    expect(chosen('Find with')).toBe('hands');
    type('Prompt for the details', 'five fingers');
    expect(form().adetailer).toEqual([{ prompt: 'five fingers', strength: 0.4, confidence: 0.3 }]);
  });

  it('enlarges by an installed model, else by Lanczos', async () => {
    show(<AfterwardsSection />);
    await waitFor(() => expect(part('Details anew').disabled).toBe(false));
    fireEvent.click(part('Enlarge'));
    expect(form().upscale).toEqual({ method: 'tiny esrgan', scale: 2 });
  });
});

describe('MoreSection', () => {
  it('offers the VAEs that go with the model', async () => {
    show(<MoreSection />);
    await waitFor(() => expect(api.options).toHaveBeenCalled());
    fireEvent.click(screen.getByRole('combobox', { name: 'VAE' }));
    fireEvent.click(await screen.findByText('soft'));
    expect(screen.queryByText('other')).toBeNull();
    expect(form().vae).toBe('soft');
  });

  it('sets the rest', () => {
    show(<MoreSection />);
    fireEvent.click(part('Seamless tile'));
    fireEvent.click(part('FreeU'));
    type('Skips 2 (s2)', '0.5');
    fireEvent.click(part('Variation'));
    type('How much of it', '0.1');
    type('PAG (0: off)', '3');
    type('CFG rescale (0: off)', '0.7');
    expect(form()).toMatchObject({
      tiling: true,
      freeu: { b1: 1.3, b2: 1.4, s1: 0.9, s2: 0.5 },
      variation: { seed: -1, strength: 0.1 },
      pag_scale: 3,
      cfg_rescale: 0.7,
    });
  });

  it('shows what is set while it is closed', () => {
    useUi.setState({ openSections: {} });
    useForm.getState().change({ tiling: true, pag_scale: 3 });
    show(<MoreSection />);
    expect(screen.getByRole('button', { name: /PAG.*Seamless tile/ })).toBeTruthy();
  });
});
