import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { systemClock, systemRandom } from '@tidemark/base'
import { arbitrated, defineEntity, memoryStore, openSpace, type Space } from '@tidemark/client'
import { createRelayServer, openSqliteLog, type RelayServer, type RelayServerOptions } from '@tidemark/relay'
import { guardFile } from '@tidemark/schema'
import { afterEach, expect, test } from 'vitest'
import { z } from 'zod'

const Seat = defineEntity('seat', { version: 1, fields: { holder: arbitrated(z.string().optional()) } })
const directory = mkdtempSync(join(tmpdir(), 'tidemark-arbitration-'))
const opened: { close(): Promise<void> }[] = []

afterEach(async () => {
  for (const one of opened.splice(0).reverse()) await one.close()
  rmSync(directory, { recursive: true, force: true })
})

async function serve(port: number, hooks: RelayServerOptions['hooks'] = {}): Promise<RelayServer> {
  const ports = { clock: systemClock, random: systemRandom }
  const log = await openSqliteLog({ directory, random: systemRandom })
  const server = await createRelayServer({ log, ...ports, port, guardFile: guardFile([Seat]), hooks })
  opened.push(server)
  return server
}

async function visit(user: string, url: string): Promise<Space> {
  const space = await openSpace({ name: 'acme', user: { id: user }, entities: [Seat], store: memoryStore(), relay: { url } })
  opened.push(space)
  return space
}

type Seated = Awaited<ReturnType<typeof seatOf>>
const seatOf = (space: Space) => space.open(Seat, '1')

/** Resolves once the seat shows this. */
function sees(seat: Seated, status: string, value: string | undefined): Promise<void> {
  return new Promise((resolve) => {
    const stop = seat.subscribe(() => look())
    const look = (): void => {
      const { holder } = seat.value
      if (holder.status !== status || holder.value !== value) return
      stop()
      resolve()
    }
    look()
  })
}

function caughtUp({ status }: Space): Promise<void> {
  return new Promise((resolve) => {
    const look = (): void => {
      if (status.get().phase !== 'live') return
      stop()
      resolve()
    }
    const stop = status.subscribe(look)
    look()
  })
}

test('two people propose apart, one relay with SQLite says who was first, also after it was stopped in between', async () => {
  const server = await serve(0, { arbitrate: () => new Promise(() => undefined) })
  const [ann, bob] = [await visit('ann', server.url), await visit('bob', server.url)]
  const seat = await ann.create(Seat, {}, { id: '1' })
  await seat.created.confirmed
  bob.sync.pause()
  const write = seat.set({ holder: 'ann' })
  await write.confirmed
  expect(seat.value.holder).toMatchObject({ status: 'proposed', value: undefined, proposed: [{ value: 'ann', user: 'ann' }] })
  // It stops with the intent durable and unanswered; the one that follows has no hook, and answers by what holds.
  await server.close()
  await serve(server.port)
  await sees(seat, 'settled', 'ann')
  bob.sync.resume()
  await caughtUp(bob)
  const other = await seatOf(bob)
  await sees(other, 'settled', 'ann')
  await other.set({ holder: 'bob' }).confirmed
  await Promise.all([sees(seat, 'settled', 'bob'), sees(other, 'settled', 'bob')])
  // Both want it from here, and neither knows of the other.
  ann.sync.pause()
  bob.sync.pause()
  seat.set({ holder: undefined })
  other.set({ holder: 'bob again' })
  bob.sync.resume()
  await sees(other, 'settled', 'bob again')
  ann.sync.resume()
  await sees(seat, 'refused', 'bob again')
  expect(seat.value.holder.refused).toMatchObject([{ value: undefined, user: 'ann', reason: 'it has changed meanwhile' }])
})
