/**
 * A name for somebody of whom only the id is known: easy to say, easy to tell from another.
 *
 * It is made of the id alone, so that everybody calls a person the same, also before anything else of them has arrived.
 */
const manners = [
  ...['Quiet', 'Brisk', 'Amber', 'Early', 'Gentle', 'Bright', 'Steady', 'Silver', 'Keen', 'Mellow', 'Clear', 'Bold'],
  ...['Calm', 'Swift', 'Merry', 'Frank', 'Hardy', 'Lively', 'Patient', 'Sunny', 'Tidy', 'Warm', 'Wise', 'Nimble'],
]
const birds = [
  ...['Heron', 'Plover', 'Curlew', 'Osprey', 'Wren', 'Tern', 'Avocet', 'Kestrel', 'Lapwing', 'Dunlin', 'Finch', 'Petrel'],
  ...['Robin', 'Linnet', 'Godwit', 'Egret', 'Swallow', 'Martin', 'Siskin', 'Merlin', 'Gannet', 'Puffin', 'Dipper', 'Snipe'],
]

export function friendlyName(id: string): string {
  const number = hash(id)
  return `${manners[number % manners.length]} ${birds[Math.floor(number / manners.length) % birds.length]}`
}

/** FNV-1a with a final mix, so that ids which differ by one letter give names that differ. */
function hash(words: string): number {
  let state = 0x811c9dc5
  for (let index = 0; index < words.length; index++) state = Math.imul(state ^ words.charCodeAt(index), 0x01000193)
  state = Math.imul(state ^ (state >>> 15), 0x2c1b3c6d)
  return (state ^ (state >>> 13)) >>> 0
}
