// @vitest-environment jsdom
import { MantineProvider } from '@mantine/core';
import { QueryClient, QueryClientProvider } from '@tanstack/react-query';
import {
  Outlet,
  RouterProvider,
  createHashHistory,
  createRootRoute,
  createRoute,
  createRouter,
} from '@tanstack/react-router';
import { cleanup, fireEvent, render, screen, waitFor, within } from '@testing-library/react';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';

import '../../i18n';
import { ApiError } from '../../api/errors';
import { api } from '../../api/client';
import type { Image, Page } from '../../api/types';
import GalleryPage from './GalleryPage';

const WIDTH = 840; // four columns of 200 px

function image(n: number, extra: Partial<Image> = {}): Image {
  const id = `i${String(1000 - n)}`;
  return {
    id,
    job_id: `j${n}`,
    index: 0,
    task: 'txt2img',
    prompt: `picture ${n}`,
    negative_prompt: '',
    model: 'demo',
    width: 512,
    height: 512,
    seed: n,
    created_at: '2026-11-23T06:00:00Z',
    favourite: false,
    url: `/outputs/${id}.png`,
    thumbnail_url: `/outputs/${id}.webp`,
    thumbhash: '',
    bytes: 1000,
    recipe: { steps: 20 },
    ...extra,
  };
}

function page(images: Image[], next: string | null = null): Page<Image> {
  return { items: images, next_cursor: next };
}

const ten = Array.from({ length: 10 }, (_, n) => image(n));

function show(address = '#/gallery') {
  window.location.hash = address;
  const root = createRootRoute({ component: Outlet });
  const routes = [
    createRoute({ getParentRoute: () => root, path: '/', component: () => <p>the form</p> }),
    createRoute({ getParentRoute: () => root, path: '/gallery', component: GalleryPage }),
  ];
  const router = createRouter({ routeTree: root.addChildren(routes), history: createHashHistory() });
  const client = new QueryClient({ defaultOptions: { queries: { retry: false } } });
  render(
    <MantineProvider>
      <QueryClientProvider client={client}>
        <RouterProvider router={router as never} />
      </QueryClientProvider>
    </MantineProvider>,
  );
}

const tile = (n: number) => screen.findByRole('button', { name: new RegExp(`^Open: picture ${n}(,|$)`) });
const images = vi.spyOn(api, 'images');

beforeEach(() => {
  localStorage.clear();
  // jsdom lays nothing out; the grid only needs to know that there is room.
  for (const name of ['clientWidth', 'clientHeight', 'offsetWidth', 'offsetHeight']) {
    vi.spyOn(HTMLElement.prototype, name as 'clientWidth', 'get').mockReturnValue(WIDTH);
  }
  HTMLElement.prototype.scrollTo = vi.fn();
  window.scrollTo = vi.fn();
  images.mockReset().mockResolvedValue(page(ten));
});

afterEach(() => {
  cleanup();
  window.location.hash = '';
});

describe('what the gallery shows', () => {
  it('the pictures and how many there are', async () => {
    show();
    expect(await tile(0)).toBeTruthy();
    expect(screen.getAllByRole('listitem')).toHaveLength(10);
    expect(screen.getByText('10 pictures')).toBeTruthy();
  });

  it('a way to make the first picture', async () => {
    images.mockResolvedValue(page([]));
    show();
    expect(await screen.findByText('Nothing here yet')).toBeTruthy();
    fireEvent.click(screen.getByRole('button', { name: 'Make the first one' }));
    expect(await screen.findByText('the form')).toBeTruthy();
  });

  it('that nothing matches, and clears the filters', async () => {
    images.mockImplementation(({ q } = {}) => Promise.resolve(page(q ? [] : ten)));
    show('#/gallery?q=zebra');
    expect(await screen.findByText('No picture matches')).toBeTruthy();
    fireEvent.click(screen.getByRole('button', { name: 'Clear filters' }));
    expect(await tile(0)).toBeTruthy();
    expect(screen.getByRole<HTMLInputElement>('searchbox').value).toBe('');
  });

  it('an error with a way to try again', async () => {
    images.mockRejectedValueOnce(new ApiError(500, { code: 'broken', message: 'It broke.', hint: 'Wait a little.' }));
    show();
    expect(within(await screen.findByRole('alert')).getByText('Wait a little.')).toBeTruthy();
    fireEvent.click(screen.getByRole('button', { name: 'Try again' }));
    expect(await tile(0)).toBeTruthy();
  });

  it('the next page when the end is near, and an offer when that fails', async () => {
    const more = Array.from({ length: 4 }, (_, n) => image(10 + n));
    images
      .mockReset()
      .mockResolvedValueOnce(page(ten, 'next'))
      .mockRejectedValueOnce(new ApiError(500, { code: 'broken' }))
      .mockResolvedValueOnce(page(more));
    show();
    fireEvent.click(await screen.findByRole('button', { name: 'Try again' }));
    await waitFor(() => expect(screen.getAllByRole('listitem')).toHaveLength(14));
    expect(images).toHaveBeenLastCalledWith(expect.objectContaining({ cursor: 'next' }));
  });
});

describe('filters', () => {
  it('searches after a pause in typing and keeps the text in the address', async () => {
    show();
    await tile(0);
    const box = screen.getByRole('searchbox');
    for (const value of ['a', 'ap', 'apple']) fireEvent.change(box, { target: { value } });
    await waitFor(() => expect(images).toHaveBeenLastCalledWith(expect.objectContaining({ q: 'apple' })));
    expect(images).toHaveBeenCalledTimes(2);
    expect(window.location.hash).toContain('q=apple');
  });

  it('asks for favourites only', async () => {
    show();
    await tile(0);
    fireEvent.click(screen.getByRole('button', { name: 'Only favourites' }));
    await waitFor(() => expect(images).toHaveBeenLastCalledWith(expect.objectContaining({ favourite: true })));
    expect(window.location.hash).toContain('favourite=true');
  });
});

describe('selecting', () => {
  it('takes a range with Shift and deletes it', async () => {
    const remove = vi.spyOn(api, 'trashImages').mockImplementation((ids) => Promise.resolve({ ids }));
    show();
    fireEvent.click(await tile(1), { ctrlKey: true });
    fireEvent.click(await tile(3), { shiftKey: true });
    expect(screen.getByText('3 selected')).toBeTruthy();
    fireEvent.click(screen.getByRole('button', { name: 'Delete' }));
    await waitFor(() => expect(screen.getAllByRole('listitem')).toHaveLength(7));
    await waitFor(() => expect(remove).toHaveBeenCalledTimes(1));
    expect(remove.mock.calls.flat(2).sort()).toEqual(['i997', 'i998', 'i999']);
    expect(screen.queryByText('3 selected')).toBeNull();
  });

  it('brings back what the server refuses to delete', async () => {
    vi.spyOn(api, 'trashImages').mockRejectedValue(new ApiError(500, { code: 'broken' }));
    show();
    fireEvent.click(await tile(1), { ctrlKey: true });
    fireEvent.click(screen.getByRole('button', { name: 'Delete' }));
    await waitFor(() => expect(screen.getAllByRole('listitem')).toHaveLength(9));
    await waitFor(() => expect(screen.getAllByRole('listitem')).toHaveLength(10));
  });

  it('brings back what the server left out', async () => {
    vi.spyOn(api, 'trashImages').mockImplementation((ids) => Promise.resolve({ ids: ids.slice(1) }));
    show();
    fireEvent.click(await tile(1), { ctrlKey: true });
    fireEvent.click(await tile(3), { shiftKey: true });
    fireEvent.click(screen.getByRole('button', { name: 'Delete' }));
    await waitFor(() => expect(screen.getAllByRole('listitem')).toHaveLength(7));
    await waitFor(() => expect(screen.getAllByRole('listitem')).toHaveLength(8));
  });

  it('asks once for 200 pictures', async () => {
    const many = Array.from({ length: 250 }, (_, n) => image(n));
    images.mockResolvedValue(page(many));
    const star = vi.spyOn(api, 'setFavourites').mockImplementation((ids) => Promise.resolve({ ids }));
    star.mockClear();
    show();
    fireEvent.click(await tile(1), { ctrlKey: true });
    fireEvent.click(screen.getByRole('button', { name: 'Select all' }));
    fireEvent.click(screen.getByRole('button', { name: 'Favourite' }));
    await waitFor(() => expect(star).toHaveBeenCalledTimes(2));
    expect(star.mock.calls.map(([ids]) => ids.length)).toEqual([200, 50]);
  });

  it('makes favourites of all selected pictures', async () => {
    const star = vi.spyOn(api, 'setFavourites').mockImplementation((ids) => Promise.resolve({ ids }));
    star.mockClear();
    show();
    await tile(0);
    fireEvent.click(screen.getByRole('button', { name: 'Select' }));
    fireEvent.click(await tile(0));
    fireEvent.click(await tile(2));
    fireEvent.click(screen.getByRole('button', { name: 'Favourite' }));
    await waitFor(() => expect(star).toHaveBeenCalledExactlyOnceWith(['i1000', 'i998'], true));
    expect(await screen.findByRole('button', { name: 'Remove favourite' })).toBeTruthy();
  });
});

describe('the keyboard', () => {
  it('moves with the arrows, one picture in the tab order', async () => {
    show();
    const first = await tile(0);
    first.focus();
    fireEvent.keyDown(first, { key: 'ArrowDown' });
    expect(document.activeElement).toBe(await tile(4));
    fireEvent.keyDown(await tile(4), { key: 'ArrowRight' });
    expect(document.activeElement).toBe(await tile(5));
    expect(screen.getAllByRole('button', { name: /^Open: / }).filter(({ tabIndex }) => tabIndex === 0)).toHaveLength(1);
  });

  it('opens a picture, walks through the others and closes', async () => {
    show();
    fireEvent.click(await tile(2));
    const dialog = await screen.findByRole('dialog', { name: 'Picture in full screen' });
    expect(within(dialog).getByText('3 / 10')).toBeTruthy();
    fireEvent.keyDown(within(dialog).getByText('3 / 10'), { key: 'ArrowRight' });
    expect(within(dialog).getByText('4 / 10')).toBeTruthy();
    expect(within(dialog).getByRole('status').textContent).toBe('Picture 4 of 10: picture 3');
    fireEvent.click(within(dialog).getByRole('button', { name: 'Close' }));
    await waitFor(() => expect(screen.queryByRole('dialog')).toBeNull());
  });

  it('shows the neighbour when the opened picture is deleted', async () => {
    vi.spyOn(api, 'trashImages').mockImplementation((ids) => Promise.resolve({ ids }));
    show();
    fireEvent.click(await tile(2));
    const dialog = await screen.findByRole('dialog');
    fireEvent.keyDown(within(dialog).getByText('3 / 10'), { key: 'Delete', code: 'Delete' });
    await waitFor(() => expect(within(dialog).getByRole('status').textContent).toBe('Picture 3 of 9: picture 3'));
  });
});
