import { fileURLToPath } from 'node:url'
import react from '@vitejs/plugin-react'
import { defineConfig } from 'vite'

const own = (path: string) => fileURLToPath(new URL(path, import.meta.url))

/** Everything is a file of its own below `/assets/`, so that a policy without inline scripts and styles holds. */
export default defineConfig({
  plugins: [react()],
  base: '/',
  // `core/ledger` is the one part of the program that also runs in the browser, in the worker that verifies.
  resolve: { alias: { 'node:crypto': own('ledger/node-crypto.ts'), 'node:buffer': own('ledger/node-buffer.ts') } },
  worker: { format: 'es' },
  build: {
    outDir: 'dist',
    emptyOutDir: true,
    target: 'es2023',
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    sourcemap: false,
    reportCompressedSize: true,
    // The frame, in which every page stands, is one file with all that it needs: thirty small ones compress worse.
    rolldownOptions: { output: { codeSplitting: { groups: [{ name: 'first', test: /\/src\/frame\/frame\.tsx$/ }] } } },
  },
})
