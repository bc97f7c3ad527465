/**
 * Builds the service worker after everything else, with the list of what was built.
 *
 * The worker is one classic script at the root, so that it may serve the whole origin. Its list names what the app needs
 * to start; font files of scripts that this device may never show are left to be cached when they are first used.
 */
import { createHash } from 'node:crypto'
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { build, type Plugin, type ResolvedConfig } from 'vite'

const isOnDemand = (file: string): boolean => file.endsWith('.woff2') && !file.includes('-latin-wght')

export function serviceWorker(): Plugin {
  let config: ResolvedConfig
  return {
    name: 'fieldbook-service-worker',
    apply: 'build',
    configResolved: (resolved) => {
      config = resolved
    },
    closeBundle: async () => {
      const outDir = join(config.root, config.build.outDir)
      const files = (await readdir(outDir, { recursive: true, withFileTypes: true }))
        .filter((entry) => entry.isFile())
        .map((entry) => join(entry.parentPath, entry.name).slice(outDir.length))
        .filter((file) => !file.endsWith('.map') && file !== '/service-worker.js')
        .sort()
      const hash = createHash('sha256')
      for (const file of files) hash.update(file).update(await readFile(join(outDir, file)))
      await buildWorker(config.root, outDir, {
        version: hash.digest('hex').slice(0, 16),
        files: files.filter((file) => !isOnDemand(file)),
      })
    },
  }
}

async function buildWorker(root: string, outDir: string, precache: { version: string; files: string[] }): Promise<void> {
  await build({
    root,
    configFile: false,
    publicDir: false,
    logLevel: 'warn',
    define: { __PRECACHE__: JSON.stringify(precache) },
    build: {
      outDir,
      emptyOutDir: false,
      target: 'es2023',
      rolldownOptions: {
        input: join(root, 'src/worker/service-worker.ts'),
        output: { format: 'iife', entryFileNames: 'service-worker.js' },
      },
    },
  })
}
