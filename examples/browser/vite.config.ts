import { defineConfig } from 'vite';

export default defineConfig({
  base: './', // so that it can be served from any folder
  assetsInclude: ['**/*.ckpt'],
  build: { target: 'es2022', chunkSizeWarningLimit: 3000 },
});
