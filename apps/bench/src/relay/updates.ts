/** Updates that can be told apart on the wire without being read: each appends `#` and eight digits to the text `t`. */
import * as encoding from 'lib0/encoding'

const letters = 9

/** The `i`th edit of `client`, marked with `mark`; each continues the one before. */
export function markedUpdate(client: number, i: number, mark = i): Uint8Array {
  const clock = i * letters
  return encoding.encode((e) => {
    for (const value of [1, 1, client, clock]) encoding.writeVarUint(e, value)
    encoding.writeUint8(e, i === 0 ? 4 : 0x84)
    if (i === 0) {
      encoding.writeVarUint(e, 1)
      encoding.writeVarString(e, 't')
    } else {
      encoding.writeVarUint(e, client)
      encoding.writeVarUint(e, clock - 1)
    }
    encoding.writeVarString(e, `#${String(mark).padStart(letters - 1, '0')}`)
    encoding.writeVarUint(e, 0)
  })
}

const hash = 0x23

/** Calls `found` with the number of each mark in a message; the same byte stands in lengths and places too. */
export function readMarks(message: Buffer, found: (i: number) => void): void {
  for (let at = message.indexOf(hash); at >= 0; at = message.indexOf(hash, at + 1)) {
    let value = 0
    let digit = 1
    for (; digit < letters; digit++) {
      const worth = (message[at + digit] ?? 0) - 0x30
      if (worth < 0 || worth > 9) break
      value = value * 10 + worth
    }
    if (digit === letters) found(value)
  }
}
