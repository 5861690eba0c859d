import { defineConfig } from 'vite';

/* The broker that `npm run dev` shows: BROKER=http://127.0.0.1:15672 npm run dev */
const broker = (globalThis as { process?: { env: Record<string, string | undefined> } }).process?.env['BROKER'];

export default defineConfig({
    /* Addresses are relative, since a broker may be served below a path (management.path_prefix). */
    base: './',
    esbuild: { jsx: 'automatic', jsxImportSource: 'preact' },
    build: {
        target: 'es2022',
        modulePreload: { polyfill: false },
        assetsInlineLimit: 0,
        reportCompressedSize: true,
    },
    server: {
        host: '127.0.0.1',
        /* The host stays the page's own: the broker refuses logins from pages of other origins. */
        proxy: Object.fromEntries(['/api', '/cli'].map((at) => [at, { target: broker ?? 'http://127.0.0.1:15672', changeOrigin: false }])),
    },
});
