import { playwright } from '@vitest/browser-playwright'
import type { TestProjectConfiguration } from 'vitest/config'

/** The workspace's test projects: everything in Node, `*.browser.test.ts` in real Chromium, and the apps end to end. */
export const projects: TestProjectConfiguration[] = [
  {
    test: {
      name: 'e2e',
      include: ['apps/*/e2e/**/*.e2e.ts', 'examples/*/e2e/**/*.e2e.ts', 'packages/*/test/**/*.e2e.ts'],
      testTimeout: 180_000,
      hookTimeout: 60_000,
      // Each test starts browsers; side by side they would only wait for one another.
      fileParallelism: false,
    },
  },
  {
    test: {
      name: 'node',
      include: ['packages/*/test/**/*.test.ts', 'apps/*/test/**/*.test.ts', 'scripts/test/**/*.test.ts'],
      exclude: ['**/*.browser.test.ts', '**/node_modules/**'],
      testTimeout: 30_000,
      // Many tests wait for a process, a line or a disk, so two go side by side also on two cores.
      maxWorkers: 2,
    },
  },
  {
    optimizeDeps: {
      include: [
        'yjs',
        'lib0/decoding',
        'lib0/encoding',
        'react',
        'react-dom',
        'react-dom/client',
        'react/jsx-runtime',
        'react/jsx-dev-runtime',
      ],
    },
    test: {
      name: 'chromium',
      include: ['packages/*/test/**/*.browser.test.{ts,tsx}', 'examples/*/test/**/*.browser.test.tsx'],
      testTimeout: 60_000,
      browser: {
        enabled: true,
        headless: true,
        screenshotFailures: false,
        provider: playwright({
          launchOptions: {
            executablePath: process.env.CHROMIUM_PATH ?? '/usr/bin/chromium',
            args: [
              '--no-sandbox',
              '--disable-gpu',
              '--disable-quic',
              '--no-first-run',
              '--disable-background-networking',
              '--disable-component-update',
              '--disable-sync',
            ],
          },
        }),
        instances: [{ browser: 'chromium' }],
      },
    },
  },
]
