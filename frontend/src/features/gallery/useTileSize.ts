import { useLocalStorage } from '@mantine/hooks';

import { DEFAULT_TILE, MAX_TILE, MIN_TILE } from './layout';

/** The wished side of a tile in CSS pixels, remembered in this browser. */
export function useTileSize(): [number, (size: number) => void] {
  const [size, setSize] = useLocalStorage({
    key: 'sdweb-tile-size',
    defaultValue: DEFAULT_TILE,
    getInitialValueInEffect: false,
  });
  // Storage may hold anything.
  const isValid = typeof size === 'number' && size >= MIN_TILE && size <= MAX_TILE;
  return [isValid ? size : DEFAULT_TILE, setSize];
}
