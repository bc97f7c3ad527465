import { playwright } from '@vitest/browser-playwright'
import type { TestProjectConfiguration } from 'vitest/config'

/** The workspace's test projects: everything in Node, and `*.browser.test.ts` in real Chromium. */
export const projects: TestProjectConfiguration[] = [
  {
    test: {
      name: 'node',
      include: ['packages/*/test/**/*.test.ts', 'apps/*/test/**/*.test.ts', 'scripts/test/**/*.test.ts'],
      exclude: ['**/*.browser.test.ts', '**/node_modules/**'],
      testTimeout: 30_000,
    },
  },
  {
    optimizeDeps: { include: ['yjs', 'lib0/decoding', 'lib0/encoding'] },
    test: {
      name: 'chromium',
      include: ['packages/*/test/**/*.browser.test.ts'],
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
