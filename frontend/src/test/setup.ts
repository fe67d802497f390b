/** jsdom lacks what Mantine asks of a browser. Tests of plain logic run without a window. */

if (typeof window !== 'undefined') {
  const { configure } = await import('@testing-library/dom');
  // How long something takes says nothing about it: other work on the machine makes it slow.
  configure({ asyncUtilTimeout: 20_000 });

  Object.defineProperty(window, 'matchMedia', {
    writable: true,
    value: (query: string) => ({
      matches: false,
      media: query,
      onchange: null,
      addEventListener: () => undefined,
      removeEventListener: () => undefined,
      dispatchEvent: () => false,
    }),
  });

  window.ResizeObserver = class {
    observe(): void {}
    unobserve(): void {}
    disconnect(): void {}
  };
}

// A module, which may wait at its top level.
export {};
