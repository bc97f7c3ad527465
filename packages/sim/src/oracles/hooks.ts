/** P7 and P2: what an app's hooks refuse goes nowhere, and they are told of what is durable, once each. */
import type { LogEntry } from '@tidemark/relay'
import { Contents, rangesIn, rangesOf } from '../contents.ts'
import type { Device } from '../device.ts'
import { userOf } from '../relay-host.ts'
import { awayReason, closedReason } from '../simulated-hooks.ts'
import type { World } from '../world.ts'
import { deviceOf } from '../world-hooks.ts'
import { describeWrite } from './durability.ts'
import type { Oracle } from './oracle.ts'

/** What is in the log was let through by the gate, but for what the relay itself says. */
const refusedGoesNowhere: Oracle = {
  name: 'P7 what an app refuses goes nowhere',
  watch: (world, fail) => {
    const allowed = new Contents()
    let hasGate = false
    world.listen((event) => {
      if (event.type === 'gate') {
        hasGate = true
        if (event.reason === null) allowed.add(event.change.document, event.change.update)
      } else if (event.type === 'logged' && hasGate && event.principal !== '$relay' && event.kind !== 'purge') {
        const { document, decoded, principal } = event
        if (!allowed.contains(document, rangesIn(decoded)))
          fail(`${principal}'s change of ${document} is in the log, and no gate let it through`)
      }
    })
  },
}

/** For how long a refusal may be on its way on a line that is well: what is refused among much is found by halves. */
const toldWithinMs = 60_000

/** Who is refused is told, with the app's reason. */
const refusedIsTold: Oracle = {
  name: 'P7 who is refused is told why',
  watch: (world, fail) => {
    world.listen((event) => {
      if (event.type === 'refused' && event.code === 'relay/refused' && world.hooks !== null) {
        const { write, detail } = event
        // Who hears of it late, from the database, is told that it was refused; the words went to who was there.
        if (!detail.includes(closedReason(write.document)) && !detail.includes(`a change of ${write.document}`))
          fail(`${describeWrite(write)} was refused as "${detail}", which is not the app's reason`)
      } else if (event.type === 'gate' && event.reason !== null && world.hooks !== null) {
        const device = world.device(deviceOf(event.change.principal))
        if (device !== undefined) look(world, device, event.change.document, fail)
      }
    })
  },
}

/** Looks at the device a while later, where nothing happened meanwhile that explains why it is not told. */
function look(world: World, device: Device, document: string, fail: (detail: string) => void): void {
  const { retries } = device
  const { dialled } = world.network
  const lives = device.tabs.map(({ life }) => life)
  world.time.schedule(toldWithinMs, () => {
    const isWell =
      lives.every(({ isAlive, isFrozen }) => isAlive && !isFrozen) && world.network.dialled === dialled && isCalm(world, device)
    const record = device.disk.record(document)
    if (!isWell || device.retries !== retries || record === undefined || record.pendingSinceMs === null) return
    const isKept = device.disk.refused.some(({ name }) => name === document)
    if (record.problem === null && !isKept)
      fail(`${device.name} was refused a change of ${document} ${toldWithinMs} ms ago and does not know`)
  })
}

/** Whether nothing holds up this device's line or disk. */
function isCalm(world: World, { name, disk, tabs }: Device): boolean {
  const line = world.network.line(name)
  const { isFull, failure, failNext, maxDelayMs } = disk.state
  const isLive = tabs.some(({ space }) => space?.status.get().phase === 'live')
  return (
    isLive &&
    line.isUp &&
    !line.isStalledIn &&
    !line.isStalledOut &&
    line.loss === 0 &&
    !isFull &&
    failure + failNext === 0 &&
    maxDelayMs < 100
  )
}

/** Who is turned away does not come in, and reads why. */
const turnedAwayStaysOut: Oracle = {
  name: 'P6 who is turned away stays out',
  watch: (world, fail) => {
    /** User → connections that were let in and have not ended, and when the last one ended. */
    const inside = new Map<string, { open: number; leftMs: number }>()
    world.listen((event) => {
      if (event.type === 'relay-died') inside.clear()
      else if (event.type === 'admitted' && event.reason === null) {
        const known = inside.get(event.connection.principal) ?? { open: 0, leftMs: 0 }
        inside.set(event.connection.principal, { ...known, open: known.open + 1 })
      } else if (event.type === 'left') {
        const known = inside.get(event.connection.principal)
        if (known === undefined || known.open === 0) fail(`a connection of ${event.connection.principal} ends that was not let in`)
        else inside.set(event.connection.principal, { open: known.open - 1, leftMs: world.time.nowMs })
      } else if (event.type === 'gate') {
        const known = inside.get(event.change.principal)
        const isOut = known === undefined || (known.open === 0 && world.time.nowMs - known.leftMs > inFlightMs)
        if (isOut) fail(`${event.change.principal} writes to ${event.change.document} over a connection that was not let in`)
      } else if (event.type === 'stopped' && event.code === 'relay/forbidden') {
        if (world.hooks?.isTurnedAway(userOf(event.tab.device.name)) === true && !event.message.includes(awayReason))
          fail(`${event.tab.name} is turned away and reads "${event.message}"`)
      }
    })
  },
}

/** What a connection brought may be asked about for so long after its end. */
const inFlightMs = 60_000

interface Due {
  readonly entry: LogEntry
  readonly seq: number
}

/** What the log has called durable and nobody was told of yet. */
const untold = new WeakMap<World, Due[]>()

/** Each batch that the log called durable is told, in its order, and nothing else. */
const durableIsTold: Oracle = {
  name: 'P2 hooks are told of what is durable',
  watch: (world, fail) => {
    const due: Due[] = []
    untold.set(world, due)
    world.listen((event) => {
      if (event.type === 'relay-died') due.length = 0
      else if (event.type === 'appended') due.push(...event.entries.map((entry, i) => ({ entry, seq: event.seqs[i] as number })))
      else if (event.type === 'told') {
        const { document, seq, principal, update, kind } = event.change
        const next = due.shift()
        if (next === undefined) return fail(`afterCommit is told of ${document} at ${seq}, which is not durable or was told before`)
        const { entry } = next
        if (entry.document !== document || next.seq !== seq)
          fail(`afterCommit is told of ${document} at ${seq} where ${entry.document} at ${next.seq} is due`)
        else if (entry.principal !== principal || entry.kind !== kind || entry.update.length !== update.length)
          fail(`afterCommit is told of another change of ${document} than is in the log at ${seq}`)
        else if (kind !== 'purge' && !world.relay.ever.contains(document, rangesOf(update)))
          fail(`afterCommit is told of ${document} at ${seq}, which is not in the log`)
      }
    })
  },
  atEnd: (world, _view, fail) => {
    const [first, ...rest] = untold.get(world) ?? []
    const hasHooks = world.hooks !== null || world.options.hooks !== null
    if (hasHooks && first !== undefined)
      fail(`afterCommit is not told of ${first.entry.document} at ${first.seq}, nor of ${rest.length} more`)
  },
}

export const hookOracles: readonly Oracle[] = [refusedGoesNowhere, refusedIsTold, turnedAwayStaysOut, durableIsTold]
