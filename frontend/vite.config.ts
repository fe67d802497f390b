import react from '@vitejs/plugin-react';
import { loadEnv } from 'vite';
import { defineConfig } from 'vitest/config';

const PROXIED = ['/api', '/_allauth', '/outputs', '/admin', '/static', '/ws'];

export default defineConfig(({ mode }) => {
  const backend = loadEnv(mode, '.', 'SDWEB_').SDWEB_DEV_BACKEND ?? 'http://127.0.0.1:5000';
  return {
    // Relative addresses: the same build works at the root, under a folder and on another origin.
    base: './',
    plugins: [react()],
    server: {
      // The Host header is kept, so that Django's origin check sees one origin.
      proxy: Object.fromEntries(
        PROXIED.map((path) => [path, { target: backend, changeOrigin: false, ws: path === '/ws' }]),
      ),
    },
    test: {
      // Making a DOM costs seconds per file: tests that need one say so in their first line.
      environment: 'node',
      setupFiles: ['./src/test/setup.ts'],
      css: false,
      testTimeout: 60_000,
    },
  };
});
