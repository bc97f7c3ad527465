/** A name for somebody who has not given one: easy to say, easy to tell from another. */
const manners = ['Quiet', 'Brisk', 'Amber', 'Early', 'Gentle', 'Bright', 'Steady', 'Silver', 'Keen', 'Mellow', 'Clear', 'Bold']
const birds = ['Heron', 'Plover', 'Curlew', 'Osprey', 'Wren', 'Tern', 'Avocet', 'Kestrel', 'Lapwing', 'Dunlin', 'Finch', 'Petrel']

export function friendlyName(): string {
  const [manner, bird] = crypto.getRandomValues(new Uint32Array(2))
  return `${manners[(manner as number) % manners.length]} ${birds[(bird as number) % birds.length]}`
}
