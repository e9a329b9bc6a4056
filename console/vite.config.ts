import react from '@vitejs/plugin-react'
import { defineConfig } from 'vite'

/** Everything is a file of its own below `/assets/`, so that a policy without inline scripts and styles holds. */
export default defineConfig({
  plugins: [react()],
  base: '/',
  build: {
    outDir: 'dist',
    emptyOutDir: true,
    target: 'es2023',
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    sourcemap: false,
    reportCompressedSize: true,
  },
})
