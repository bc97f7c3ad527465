/** P6: a full disk at the relay is a refusal for the time being: it stores nothing, and nobody's history parts from the log's. */
import type { Oracle } from './oracle.ts'

const fullDiskEndsNothing: Oracle = {
  name: 'P6 a full disk begins no incarnation',
  watch: (world, fail) => {
    /** Incarnations as of an append that found no room; null where something else may begin one. */
    let before: number | null = null
    world.listen((event) => {
      if (event.type === 'relay-died' || event.type === 'relay-restored') before = null
      else if (event.type === 'log-failed') before = event.how === 'full' && world.relay.isUp ? (before ?? world.relay.incarnations) : null
      else if (event.type === 'tick' && before !== null && world.relay.incarnations !== before) {
        fail(`the log began an incarnation because its disk was full`)
        before = null
      }
    })
  },
}

export const fullDiskOracles: readonly Oracle[] = [fullDiskEndsNothing]
