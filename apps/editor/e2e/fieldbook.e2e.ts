import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { type Tab, World } from './fieldbook.ts'

let world: World

beforeEach(async () => {
  world = new World()
  await world.startRelay()
})

afterEach(() => world.close())

/** Both tabs show the same text, once each shows all of `parts`. */
async function equal(one: Tab, other: Tab, ...parts: readonly string[]): Promise<void> {
  await one.shows(...parts)
  await other.shows(...parts)
  await expect.poll(() => one.body(), { timeout: 20_000 }).toBe(await other.body())
}

describe('two people', () => {
  test('[P3] write in one report at once, apart and together, and end equal', async () => {
    const [ann, bob] = [world.person(), world.person()]
    const here = await ann.open()
    await here.newReport('Roof')
    await here.type('Ann writes. ')
    const there = await bob.open()
    await there.openReport('Roof')
    await there.type('Bob too. ')
    await equal(here, there, 'Ann writes.', 'Bob too.')

    await here.workOffline(true)
    await here.says('Working offline')
    await here.type('From the field. ')
    await there.type('From the office. ')
    await here.says(/1 waiting/)

    await here.page.reload()
    await here.shows('From the field.')
    await here.says(/1 waiting/)
    expect(await there.body()).not.toContain('From the field.')

    await here.workOffline(false)
    await equal(here, there, 'From the field.', 'From the office.')
    await here.says('All confirmed')
    await there.says('All confirmed')
  })

  test('[P1] without any network the page itself starts, with the text', async () => {
    const ann = world.person()
    const here = await ann.open()
    await here.newReport('Cellar')
    await here.type('Written online. ')
    await here.says('All confirmed')
    await here.page.evaluate(() => navigator.serviceWorker.ready.then(() => undefined))
    await ann.context.setOffline(true)
    await here.type('Written offline.')
    // The words say so only once the text is counted from the database.
    await here.says('Offline · 1 waiting')
    await here.page.reload()
    await here.shows('Written online.', 'Written offline.')
    await ann.close()
    const again = await ann.open()
    await again.openReport('Cellar')
    await again.shows('Written offline.')
    await again.says('All confirmed')
  })
})

describe('two tabs of one profile', () => {
  test('show the same, share one connection, and the second takes over when the first is closed', async () => {
    const ann = world.person()
    const first = await ann.open()
    await first.newReport('Attic')
    await first.type('In the first tab. ')
    const second = await ann.tab()
    await second.openReport('Attic')
    await second.type('In the second. ')
    await equal(first, second, 'In the first tab.', 'In the second.')
    await first.page.close()
    await second.type('After the first was closed.')
    await second.says('All confirmed')
    const there = await world.person().open()
    await there.openReport('Attic')
    await there.shows('After the first was closed.')
  })
})

describe('a relay that dies', () => {
  test('[P2] in the middle of typing loses nothing that was confirmed, and all end equal', async () => {
    const here = await world.person().open()
    await here.newReport('Bridge')
    await here.type('Confirmed before. ')
    await here.says('All confirmed')
    const there = await world.person().open()
    await there.openReport('Bridge')
    await there.shows('Confirmed before.')

    const typing = here.type('Typed while the relay was killed and while it was away. ')
    await there.shows('Typed')
    await world.killRelay()
    await typing
    await there.type('So was this. ')
    await here.says(/waiting|Reconnecting|Connecting/)
    await world.startRelay()
    await equal(here, there, 'Confirmed before.', 'while it was away.', 'So was this.')
    await here.says('All confirmed')
    await there.says('All confirmed')

    const joined = await world.person().open()
    await joined.openReport('Bridge')
    await joined.shows('Confirmed before.', 'while it was away.', 'So was this.')
  })
})
