/** P1: a sealed disk tells nothing of what is written and nothing of what it is called, and no nonce of it comes twice. */
import type { Write } from '../device-disk.ts'
import type { SimulatedEntity } from '../entities.ts'
import type { World } from '../world.ts'
import type { Oracle } from './oracle.ts'

/** Shorter ones turn up in random bytes by themselves, once in many seeds. */
const leastLength = 8
const chunkBytes = 12

const nothingInTheClear: Oracle = {
  name: 'P1 nothing is sealed in the clear',
  watch: (world, fail) => {
    if (!world.options.profile.faults.has('sealed')) return
    const words = knownWords(world)
    world.listen((event) => {
      if (event.type !== 'stored' || event.sealed === null) return
      const { device, writes, sealed } = event
      for (const [i, write] of sealed.entries()) {
        const text = textOf(write)
        const word = words.find((one) => text.includes(one)) ?? chunkIn(writes[i], text)
        if (word !== undefined) return fail(`${device} stores a ${write.type} in which stands ${JSON.stringify(word)}`)
      }
    })
  },
}

/** Names and values that people use here. */
function knownWords({ documents, options: { entities } }: World): readonly string[] {
  const values = (entity: SimulatedEntity): unknown[] =>
    [entity.free, entity.critical, entity.sets, entity.lists].flatMap((fields) => [...fields.keys(), ...[...fields.values()].flat()])
  const words = [...documents, ...entities.flatMap(values)].filter((one): one is string => typeof one === 'string')
  return [...new Set(words.flatMap((word) => [word, Buffer.from(word, 'utf8').toString('latin1')]))].filter(
    (word) => word.length >= leastLength,
  )
}

/** Everything of a write as one text, byte for byte. */
function textOf(write: Write): string {
  const parts: string[] = []
  const collect = (value: unknown): void => {
    if (typeof value === 'string') parts.push(value)
    else if (value instanceof Uint8Array) parts.push(Buffer.from(value).toString('latin1'))
    else if (typeof value === 'object' && value !== null) for (const entry of Object.entries(value)) for (const part of entry) collect(part)
  }
  collect(write)
  return parts.join('\n')
}

/** A piece from the middle of what an update or snapshot says, where it stands in it as it is. */
function chunkIn(plain: Write | undefined, text: string): string | undefined {
  const bytes = plain?.type === 'update' ? plain.update.bytes : plain?.type === 'snapshot' ? plain.bytes : null
  if (bytes === null || bytes.length < chunkBytes) return undefined
  const from = (bytes.length - chunkBytes) >> 1
  const chunk = Buffer.from(bytes.subarray(from, from + chunkBytes)).toString('latin1')
  return text.includes(chunk) ? chunk : undefined
}

const noncesAreUsedOnce: Oracle = {
  name: 'P1 a nonce is used once',
  watch: (world, fail) =>
    world.listen((event) => {
      if (event.type === 'nonce-repeated') fail(`${event.device} seals with the nonce ${event.nonce} again`)
    }),
}

export const sealedOracles: readonly Oracle[] = [nothingInTheClear, noncesAreUsedOnce]
