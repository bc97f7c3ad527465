import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { systemClock, systemRandom } from '@tidemark/base'
import { createMemoryLog, createRelayServer } from '@tidemark/relay'
import { expect, test } from 'vitest'
import { environmentName } from '../src/read-settings.ts'
import { serveSettings } from '../src/settings.ts'

const root = join(import.meta.dirname, '../../..')
const textOf = (path: string): string => readFileSync(join(root, path), 'utf8')

test('alert rules and the operations page name metrics that there are, and the page names every one', async () => {
  const server = await createRelayServer({
    log: createMemoryLog({ random: systemRandom }),
    clock: systemClock,
    random: systemRandom,
    port: 0,
    metrics: true,
  })
  const told = await (await fetch(`http://127.0.0.1:${server.port}/metrics`)).text()
  await server.close()
  const there = new Set([...told.matchAll(/^# TYPE (\S+)/gm)].map((match) => match[1] as string))
  const known = (name: string): boolean => there.has(name) || there.has(name.replace(/_(?:bucket|count|sum)$/, ''))
  for (const path of ['deploy/alerts.yaml', 'docs/operations.md']) {
    const named = [...textOf(path).matchAll(/\b(?:tidemark|nodejs|process)_[a-z0-9_]+[a-z0-9]\b/g)].map(([name]) => name)
    expect([path, named.filter((name) => !known(name))]).toEqual([path, []])
    expect(named.length).toBeGreaterThan(10)
  }
  const page = textOf('docs/operations.md')
  expect([...there].filter((name) => name.startsWith('tidemark_') && !page.includes(name))).toEqual([])
})

test('what is deployed names settings that there are', () => {
  const known = Object.keys(serveSettings).map(environmentName)
  for (const file of readdirSync(join(root, 'deploy'))) {
    const named = [...textOf(`deploy/${file}`).matchAll(/TIDEMARK_RELAY_[A-Z_]+[A-Z]/g)].map(([name]) => name)
    expect([file, named.filter((name) => !known.includes(name))]).toEqual([file, []])
  }
})

test('the installation for deployment has every package that the relay imports', () => {
  const script = textOf('deploy/build.sh')
  const needed = new Set<string>()
  const add = (path: string): void => {
    if (needed.has(path)) return
    needed.add(path)
    const { dependencies = {} } = JSON.parse(textOf(`${path}/package.json`)) as { dependencies?: Record<string, string> }
    for (const [name, version] of Object.entries(dependencies))
      if (version === 'workspace:*') add(`packages/${name.replace('@tidemark/', '')}`)
  }
  add('apps/relay')
  for (const path of needed) expect(script).toContain(path)
})
