/** The command line of the relay: read, checked, and explained. */
import { parseArgs } from 'node:util'
import { TidemarkError } from '@tidemark/base'

export interface ServeOptions {
  readonly command: 'serve'
  readonly port: number
  readonly host: string
  /** The data directory. */
  readonly data: string
  /** A built web app to serve beside the relay; null for none. */
  readonly app: string | null
}

export type Command = ServeOptions | { readonly command: 'help' }

export const help = `tidemark-relay: durable relay for Tidemark and stock y-websocket clients

  serve                 run the relay (the default)
    --port N            port to listen on, 0 for any free one (8787)
    --host H            address to listen on (127.0.0.1, this machine only)
    --data DIR          data directory, made when missing (./data)
    --allow-anonymous   serve without sign-in: whoever can connect may read and write
    --serve DIR         also serve the built web app in DIR on the same port
  --help                this text
`

/** @throws {TidemarkError} `relay/config`, in one line that says what to do. */
export function readCommand(args: readonly string[]): Command {
  const { values, positionals } = parse(args)
  if (values.help === true) return { command: 'help' }
  const [command = 'serve', ...rest] = positionals
  if (command !== 'serve' || rest.length > 0)
    throw new TidemarkError('relay/config', `unknown command ${positionals.join(' ')}; see --help`)
  const port = Number(values.port)
  if (!/^\d+$/.test(values.port) || port > 65_535) {
    throw new TidemarkError('relay/config', `--port takes a number from 0 to 65535, not ${JSON.stringify(values.port)}`)
  }
  if (values['allow-anonymous'] !== true) {
    throw new TidemarkError(
      'relay/config',
      'this relay has no sign-in yet, so it serves only with --allow-anonymous: whoever can connect may then read and write',
    )
  }
  return { command: 'serve', port, host: values.host, data: values.data, app: values.serve ?? null }
}

function parse(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      allowPositionals: true,
      options: {
        port: { type: 'string', default: '8787' },
        host: { type: 'string', default: '127.0.0.1' },
        data: { type: 'string', default: './data' },
        'allow-anonymous': { type: 'boolean' },
        serve: { type: 'string' },
        help: { type: 'boolean', short: 'h' },
      },
    })
  } catch (cause) {
    const message = cause instanceof Error ? cause.message : String(cause)
    throw new TidemarkError('relay/config', message.split('\n', 1)[0] ?? message, { cause })
  }
}
