import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { KeyCabinet, KeyRecord } from '../../src/encryption/key-record.ts'
import { keyOfPassphrase, newEpoch, newKeyRecord, newPassphraseSource, openKeyRing, rewrapped } from '../../src/encryption/key-ring.ts'
import { NonceBudget } from '../../src/encryption/nonce-budget.ts'
import { epochOf, Sealer, sealedOverheadBytes } from '../../src/encryption/sealer.ts'
import { rejection } from '../contract/harness.ts'

const iterations = 10_000

async function keys(passphrase = 'correct horse') {
  const { source, wrapping } = await newPassphraseSource(passphrase, iterations)
  return { record: await newKeyRecord(source, wrapping), wrapping }
}

async function newSealer(): Promise<Sealer> {
  const { record, wrapping } = await keys()
  return new Sealer(await openKeyRing(record, wrapping), { use: () => {} })
}

const memoryCabinet = (initial: KeyRecord): KeyCabinet & { record: KeyRecord | null } => ({
  record: initial,
  async read() {
    return this.record
  },
  async change(change) {
    this.record = change(this.record)
    return this.record
  },
})

describe('a sealed body', () => {
  test('opens in its place, and in no other', async () => {
    const sealer = await newSealer()
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 300 }), fc.string(), fc.string(), async (bytes, place, other) => {
        const body = await sealer.seal(place, bytes)
        expect(body.length).toBe(bytes.length + sealedOverheadBytes)
        expect([...(await sealer.open(place, body))]).toEqual([...bytes])
        if (other !== place) await expect(sealer.open(other, body)).rejects.toEqual(rejection('store/failed'))
      }),
      { numRuns: 50 },
    )
  })

  test('with any bit changed does not open', async () => {
    const sealer = await newSealer()
    const body = await sealer.seal('a', Uint8Array.of(1, 2, 3))
    for (let bit = 0; bit < body.length * 8; bit++) {
      const changed = body.slice()
      changed[bit >> 3] = (changed[bit >> 3] as number) ^ (1 << (bit & 7))
      await expect(sealer.open('a', changed), `bit ${bit}`).rejects.toMatchObject({
        code: expect.stringMatching(/store\/(failed|key-moved)/),
      })
    }
    await expect(sealer.open('a', 'text')).rejects.toEqual(rejection('store/failed'))
    await expect(sealer.open('a', new Uint8Array(4))).rejects.toEqual(rejection('store/failed'))
  })

  test('never has the nonce of another', async () => {
    const sealer = await newSealer()
    const bodies = await Promise.all(Array.from({ length: 500 }, () => sealer.seal('a', Uint8Array.of(1))))
    expect(new Set(bodies.map((body) => body.subarray(5, 17).join())).size).toBe(500)
  })
})

describe('a sealed name', () => {
  test('is the same each time, differs by kind, and is read back', async () => {
    const sealer = await newSealer()
    await fc.assert(
      fc.asyncProperty(fc.string({ unit: 'grapheme' }), async (name) => {
        const key = await sealer.key('document', name)
        expect(key).toBe(await sealer.key('document', name))
        expect(key).not.toBe(await sealer.key('id', name))
        expect(await sealer.name('document', key)).toBe(name)
        expect(key).toMatch(/^[A-Za-z0-9_-]+$/)
      }),
      { numRuns: 100 },
    )
  })

  test('that these keys did not make is refused', async () => {
    const [one, other] = [await newSealer(), await newSealer()]
    const key = await other.key('document', 'report/a')
    for (const wrong of [key, `${key.slice(0, -2)}AA`, 'AAAA', '', '%%%']) {
      await expect(one.name('document', wrong), wrong).rejects.toMatchObject({ name: expect.any(String) })
    }
    await expect(other.name('id', key)).rejects.toEqual(rejection('store/failed'))
  })

  test('tells of a name’s length only in steps of 32 bytes', async () => {
    const sealer = await newSealer()
    const lengths = await Promise.all(['', 'a', 'x'.repeat(31)].map(async (name) => (await sealer.key('id', name)).length))
    expect(new Set(lengths).size).toBe(1)
    expect((await sealer.key('id', 'x'.repeat(32))).length).toBeGreaterThan(lengths[0] as number)
  })
})

describe('keys', () => {
  test('open with the passphrase alone, however its letters are composed', async () => {
    const { record } = await keys('Zürich')
    const source = record.source as KeyRecord['source'] & { kind: 'passphrase' }
    await expect(openKeyRing(record, await keyOfPassphrase('Zu\u0308rich', source))).resolves.toMatchObject({ epoch: 1 })
    await expect(openKeyRing(record, await keyOfPassphrase('Zurich', source))).rejects.toEqual(rejection('store/wrong-passphrase'))
  })

  test('are never extractable', async () => {
    const { record, wrapping } = await keys()
    const ring = await openKeyRing(record, wrapping)
    const all = [...ring.epochs.values(), ring.mac, ring.names, ring.wrapping]
    expect(all.map((key) => key.extractable)).toEqual(all.map(() => false))
    for (const key of all) await expect(crypto.subtle.exportKey('raw', key)).rejects.toThrow()
  })

  test('wrapped anew by another passphrase open what they sealed, and the old passphrase opens nothing', async () => {
    const { record, wrapping } = await keys()
    const sealer = new Sealer(await openKeyRing(record, wrapping), { use: () => {} })
    const body = await sealer.seal('a', Uint8Array.of(1))
    const name = await sealer.key('document', 'report/a')
    const next = await newPassphraseSource('battery staple', iterations)
    const changed = await rewrapped(record, wrapping, next.source, next.wrapping)
    const again = new Sealer(await openKeyRing(changed, next.wrapping), { use: () => {} })
    expect([...(await again.open('a', body))]).toEqual([1])
    expect(await again.name('document', name)).toBe('report/a')
    await expect(openKeyRing(changed, wrapping)).rejects.toEqual(rejection('store/wrong-passphrase'))
  })

  test('of a later epoch seal; those of an earlier one still open', async () => {
    const { record, wrapping } = await keys()
    const body = await new Sealer(await openKeyRing(record, wrapping), { use: () => {} }).seal('a', Uint8Array.of(1))
    const rotated: KeyRecord = { ...record, epochs: [...record.epochs, await newEpoch(2, wrapping)] }
    const sealer = new Sealer(await openKeyRing(rotated, wrapping), { use: () => {} })
    expect([...(await sealer.open('a', body))]).toEqual([1])
    const newer = await sealer.seal('a', Uint8Array.of(2))
    expect([epochOf(body), epochOf(newer)]).toEqual([1, 2])
    const behind = new Sealer(await openKeyRing(record, wrapping), { use: () => {} })
    await expect(behind.open('a', newer)).rejects.toEqual(rejection('store/key-moved'))
  })

  test('swapped for one another do not open', async () => {
    const { record, wrapping } = await keys()
    await expect(openKeyRing({ ...record, mac: record.names, names: record.mac }, wrapping)).rejects.toEqual(
      rejection('store/wrong-passphrase'),
    )
  })

  test('ask for a passphrase and for enough iterations', async () => {
    await expect(newPassphraseSource('', iterations)).rejects.toEqual(rejection('store/wrong-passphrase'))
    for (const wrong of [0, 9_999, 1.5, Number.NaN, 1e9])
      await expect(newPassphraseSource('x', wrong)).rejects.toEqual(rejection('store/failed'))
  })
})

describe('the uses of a data key', () => {
  test('are reserved in the record before they happen, in blocks that two tabs never share', async () => {
    const { record } = await keys()
    const cabinet = memoryCabinet(record)
    const tabs = [new NonceBudget({ cabinet, limits: { reservedUses: 4 } }), new NonceBudget({ cabinet, limits: { reservedUses: 4 } })]
    for (let i = 1; i <= 9; i++) {
      for (const tab of tabs) await tab.use(1)
      expect(cabinet.record?.epochs[0].reserved).toBeGreaterThanOrEqual(2 * i)
    }
    expect(cabinet.record?.epochs[0].reserved).toBe(2 * 12)
  })

  test('end at the bound, also for uses at once', async () => {
    const { record } = await keys()
    const cabinet = memoryCabinet(record)
    const budget = new NonceBudget({ cabinet, limits: { maxUses: 8, reservedUses: 4 } })
    const uses = await Promise.allSettled(Array.from({ length: 12 }, async () => budget.use(1)))
    expect(uses.filter(({ status }) => status === 'fulfilled')).toHaveLength(8)
    expect(uses.find(({ status }) => status === 'rejected')).toMatchObject({ reason: rejection('store/key-moved') })
  })

  test('of an epoch that is over are refused', async () => {
    const { record, wrapping } = await keys()
    const cabinet = memoryCabinet({ ...record, epochs: [...record.epochs, await newEpoch(2, wrapping)] })
    const budget = new NonceBudget({ cabinet })
    await expect((async () => budget.use(1))()).rejects.toEqual(rejection('store/key-moved'))
    await budget.use(2)
  })
})
