/** `npm run kill:tabs -- [--kills 100] [--durability relaxed,strict]`: exit code 1 when anything that was saved is lost. */
import { parseArgs } from 'node:util'
import { killTabs } from './tab-kill.ts'

const { values } = parseArgs({
  options: { kills: { type: 'string', default: '100' }, durability: { type: 'string', default: 'relaxed,strict' } },
})
let lost = 0
for (const durability of values.durability.split(',') as ('relaxed' | 'strict')[]) {
  const result = await killTabs({
    durability,
    kills: Number(values.kills),
    progress: (kill, saved) => {
      if (kill % 10 === 0) console.error(`${durability}: ${kill} kills, ${saved} tokens saved`)
    },
  })
  console.log(
    `${durability}: ${result.kills} kills, ${result.saved} tokens that had said saved, ${result.lost.length} lost ${result.lost.slice(0, 5).join(' ')}`,
  )
  lost += result.lost.length
}
process.exit(lost === 0 ? 0 : 1)
