import react from '@vitejs/plugin-react'
import { defineConfig } from 'vite'
import { serviceWorker } from './build/service-worker.ts'

export default defineConfig({
  plugins: [react(), serviceWorker()],
  resolve: { dedupe: ['yjs', 'react', 'react-dom'] },
  build: { target: 'es2023', chunkSizeWarningLimit: 1_200, assetsInlineLimit: 0 },
})
