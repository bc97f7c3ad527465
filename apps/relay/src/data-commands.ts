/** The commands on data: of a directory, or, with `--url`, of a running relay. */
import { TidemarkError } from '@tidemark/base'
import { restoreBackup } from '@tidemark/relay'
import type { Command } from 'commander'
import { exportDocument, exportSpace, importArchive, isArchive } from './archive-file.ts'
import { addSettings } from './flags.ts'
import { type Environment, type Flags, readSecret, readSettings } from './read-settings.ts'
import { createReport, detailLines, documentLines, type Report, spaceLines, verifyLines } from './report.ts'
import { adminSettings, dataSettings } from './settings.ts'
import { openDirectory, openRemote, readInput, type Target } from './target.ts'

const wrong = (what: string): TidemarkError => new TidemarkError('relay/config', what)

const targetSettings = { ...dataSettings, ...adminSettings }

function openTarget(flags: Flags, environment: Environment): Target {
  const { values } = readSettings(targetSettings, flags, environment)
  const { data: directory, tombstones } = values
  if (typeof flags.url !== 'string') return openDirectory({ directory, ...(tombstones === null ? {} : { tombstones }) })
  const secret = readSecret(values.adminSecretFile, values.adminSecret, '--admin-secret-file')
  if (secret === null) throw wrong('--url needs the admin secret: --admin-secret-file FILE')
  return openRemote(flags.url, secret)
}

async function allOf<T>(items: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = []
  for await (const item of items) all.push(item)
  return all
}

type Run = (target: Target, report: Report, flags: Flags, ...names: readonly string[]) => Promise<void>

export function addDataCommands(program: Command, environment: Environment): void {
  /** `usage`: the command with its arguments, as commander reads them. */
  const add = (usage: string, description: string, run: Run): Command => {
    const command = program.command(usage).description(description)
    addSettings(command, targetSettings)
      .option('--url <URL>', 'of a running relay, or of its inside port, to go through its admin API')
      .option('--json', 'print JSON')
      .action(async (...all: unknown[]) => {
        // The arguments, then the flags, then the command itself.
        const flags = all.at(-2) as Flags
        const names = all.slice(0, -2) as string[]
        const target = openTarget(flags, environment)
        try {
          await run(target, createReport(flags.json === true), flags, ...names)
        } finally {
          await target.close()
        }
      })
    return command
  }
  addLooking(add)
  addChanging(add)
  const restore = program.command('restore <file>').description('put a backup in the data directory, of a relay that does not run')
  addSettings(restore, dataSettings)
    .option('--force', 'replace a database that is there; it is kept under another name')
    .option('--json', 'print JSON')
    .action((file: string, flags: Record<string, unknown>) => {
      const { values } = readSettings(dataSettings, flags, environment)
      const { data: directory, tombstones } = values
      const where = { directory, ...(tombstones === null ? {} : { tombstones }) }
      const done = restoreBackup({ ...where, from: file, overwrite: flags.force === true })
      createReport(flags.json === true).say(done, () => [
        `restored ${done.spaces} spaces, ${done.bytes} bytes, into ${directory}; what clients have beyond it they hand on as they come`,
        ...(done.replaced === null ? [] : [`the database that was there is kept as ${done.replaced}`]),
        ...(done.tombstones === 0 ? [] : [`${done.tombstones} tombstones are applied when the relay starts`]),
      ])
    })
}

type Add = (usage: string, description: string, run: Run) => Command

function addLooking(add: Add): void {
  add('list [space]', 'list spaces, or the documents of one', async (target, report, _, space) => {
    if (space === undefined) {
      const spaces = await target.spaces()
      report.say(spaces, () => spaceLines(spaces))
      return
    }
    const documents = await allOf(target.documents(space))
    report.say(documents, () => documentLines(documents))
  })
  add('inspect <space> <document>', 'tell what the log has of a document', async (target, report, _, space = '', document = '') => {
    const details = await target.document(space, document)
    report.say(details, () => detailLines(details))
  })
  add('verify', 'check that the database and every document in it are sound; ends with 1 when not', async (target, report, flags) => {
    const found = await target.verify(flags.quick === true ? 'quick' : 'full')
    report.say(found, () => verifyLines(found))
    if (found.problems.length > 0) process.exitCode = 1
  }).option('--quick', 'the pages of the database alone')
  add(
    'export <space> [document]',
    'write a space as an archive, as devices do, or a document as a Yjs update',
    async (target, report, flags, space = '', document) => {
      const to = flags.to as string
      const prefix = (flags.prefix as string | undefined) ?? ''
      const done =
        document === undefined
          ? { documents: await exportSpace(target, space, prefix, to) }
          : { bytes: await exportDocument(target, space, document, to) }
      if (to !== '-')
        report.say({ ...done, to }, () =>
          [
            Object.entries(done)
              .map(([what, count]) => `${count} ${what}`)
              .join(),
            `written to ${to}`,
          ].slice(0, 2),
        )
    },
  )
    .requiredOption('--to <FILE>', 'where; - is standard output')
    .option('--prefix <PREFIX>', 'only documents whose names begin so')
  add(
    'backup <file>',
    'copy the database into a new file, of a running relay too (with --url: a name in its --backups)',
    async (target, report, _, file = '') => {
      const done = await target.backup(file)
      report.say(done, () => [`${done.spaces} spaces, ${done.bytes} bytes, written to ${done.path} in ${done.tookMs} ms`])
    },
  )
}

function addChanging(add: Add): void {
  add(
    'import <file>',
    'hand on an archive, or one document’s Yjs update; what is there stays',
    async (target, report, flags, file = '') => {
      const space = (flags.space as string | undefined) ?? null
      const document = flags.document as string | undefined
      if (isArchive(file)) {
        if (document !== undefined) throw wrong(`${file} is an archive; --document is for a single update`)
        const done = await importArchive(target, file, space)
        report.say(done, () => [
          ...done.refused.map(({ document: name, why }) => `${name}: ${why}`),
          ...(done.problem === null ? [] : [`the archive may lack something: ${done.problem}`]),
          `${done.documents} documents handed on, ${done.refused.length} refused`,
        ])
        if (done.refused.length > 0) process.exitCode = 1
        return
      }
      if (space === null || document === undefined) throw wrong(`${file} is no archive; for a document's update say --space and --document`)
      await target.carry(space, document, readInput(file))
      report.say({ documents: 1 }, () => [`${document} handed on`])
    },
  )
    .option('--space <SPACE>', 'into which; the one that the archive names')
    .option('--document <NAME>', 'the document that a single update is of')
  add(
    'compact <space> [document]',
    'replace logs by states: deleted content is gone then',
    async (target, report, _, space = '', document) => {
      const names =
        document === undefined
          ? (await allOf(target.documents(space))).filter((one) => !one.isPurged).map((one) => one.document)
          : [document]
      for (const name of names) await target.compact(space, name)
      report.say({ documents: names.length }, () => [`${names.length} documents compacted`])
    },
  )
  add(
    'purge <space> <document>',
    'erase a document for good; its name is never used again',
    async (target, report, flags, space = '', document = '') => {
      if (flags.yes !== true) throw wrong(`this erases ${document} of ${space} everywhere and for good: say --yes`)
      await target.purge(space, document)
      report.say({ purged: document }, () => [`${document} is gone; backups of before still hold it`])
    },
  ).option('--yes', 'that you mean it')
}
