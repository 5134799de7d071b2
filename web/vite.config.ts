import { svelte } from '@sveltejs/vite-plugin-svelte';
import { defineConfig } from 'vitest/config';

// `npm run dev` takes everything but the web app itself from a running `labelcast serve`.
const server = process.env.LABELCAST_URL ?? 'http://127.0.0.1:8080';

export default defineConfig({
  // Relative addresses: the web app lives under /web/ on one machine and under /STAGE/web/ on AWS.
  base: './',
  plugins: [svelte()],
  build: {
    // The Content-Security-Policy allows neither data: fonts nor inline scripts.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    // New enough to keep `light-dark()` and `color-mix()` as they are.
    target: ['chrome123', 'firefox128', 'safari17.5'],
  },
  server: { proxy: { '/settings.json': { target: server, rewrite: () => '/web/settings.json' } } },
  test: { include: ['src/**/*.test.ts'], environment: 'node' },
});
