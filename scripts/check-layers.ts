/**
 * Checks that imports keep the layers: strictly downward, only through a package's `exports`, never
 * between packages of one level, and `yjs` only as a peer.
 */
import { builtinModules } from 'node:module'
import { dirname, join, normalize } from 'node:path'
import { read, sourceFiles } from './files.ts'

const levels: Readonly<Record<string, number>> = {
  base: 0,
  protocol: 1,
  updates: 1,
  schema: 1,
  store: 2,
  client: 3,
  relay: 3,
  react: 4,
  sim: 4,
}
/** Where fewer packages may be imported than the levels allow. */
const only: Readonly<Record<string, readonly string[]>> = {
  base: [],
  protocol: ['base'],
  updates: ['base'],
  schema: ['base'],
  store: ['base', 'updates'],
  relay: ['base', 'protocol', 'updates', 'schema'],
  react: ['client'],
  sim: ['base', 'client', 'relay', 'store', 'schema', 'updates'],
}
const maxBaseFiles = 6
/** Packages, and folders of packages that browsers load, which run on Node only: nothing outside such a folder may import from it. */
const nodeOnly: readonly string[] = ['packages/relay/', 'packages/sim/', 'packages/store/src/sqlite/']
const nodeOnlyOf = (path: string): string | undefined => nodeOnly.find((folder) => path.startsWith(folder))
/** Tests may import anything above the package that they test, to run against the real thing. */
const isTest = (file: string): boolean => file.includes('/test/')

interface Import {
  readonly file: string
  readonly target: string
}

export function checkLayers(): string[] {
  const sources = sourceFiles(['.ts', '.tsx']).filter((file) => file.startsWith('packages/'))
  const imports = sources.flatMap((file) => importsOf(file).map((target) => ({ file, target })))
  const baseFiles = sources.filter((file) => file.startsWith('packages/base/src/'))
  const drawer = baseFiles.length > maxBaseFiles ? [`packages/base has ${baseFiles.length} files; ${maxBaseFiles} are the cap`] : []
  return [...drawer, ...imports.flatMap(problemOf)]
}

function importsOf(file: string): string[] {
  return [...read(file).matchAll(/^\s*(?:import|export)\b[^'"]*?from\s*'([^']+)'|^\s*import\s*'([^']+)'|\bimport\('([^']+)'\)/gm)].map(
    (match) => (match[1] ?? match[2] ?? match[3]) as string,
  )
}

function problemOf({ file, target }: Import): string[] {
  const owner = file.split('/')[1] as string
  if (levels[owner] === undefined) return [`${file}: packages/${owner} has no level`]
  if (target.startsWith('.')) {
    const path = normalize(join(dirname(file), target))
    if (!path.startsWith(`packages/${owner}/`)) return [`${file} leaves its package by ${target}`]
    const folder = nodeOnlyOf(path)
    return folder === undefined || file.startsWith(folder) || isTest(file) ? [] : [`${file} imports ${target}, which runs on Node only`]
  }
  if (target.startsWith('@tidemark/')) return isTest(file) ? deepImport(file, target) : problemBetween(file, owner, target)
  return isTest(file) ? [] : problemOfLibrary(file, owner, target)
}

const deepImport = (file: string, target: string): string[] =>
  target.split('/').length > 2 && !exportsOf(target).includes(`./${target.split('/').slice(2).join('/')}`)
    ? [`${file} reaches into ${target}`]
    : []

function problemBetween(file: string, owner: string, target: string): string[] {
  const other = target.split('/')[1] as string
  const isBelow = (levels[other] ?? Number.POSITIVE_INFINITY) < (levels[owner] as number)
  const isAllowed = only[owner]?.includes(other) ?? true
  const upward = isBelow && isAllowed ? [] : [`${file} imports ${target}: packages/${owner} may not import packages/${other}`]
  return [...upward, ...deepImport(file, target)]
}

function problemOfLibrary(file: string, owner: string, target: string): string[] {
  const name = target.startsWith('@') ? target.split('/').slice(0, 2).join('/') : (target.split('/')[0] as string)
  if (name.startsWith('node:') || builtinModules.includes(name))
    return nodeOnlyOf(file) !== undefined ? [] : [`${file} imports ${target}: packages/${owner} runs in browsers`]
  const manifest = manifestOf(owner)
  if (name === 'yjs' || name === 'react') {
    if (owner === 'protocol' || owner === 'base') return [`${file} imports ${name}: packages/${owner} knows none`]
    return manifest.peerDependencies?.[name] === undefined
      ? [`packages/${owner} imports ${name} without naming it as a peer dependency`]
      : []
  }
  return manifest.dependencies?.[name] === undefined && manifest.peerDependencies?.[name] === undefined
    ? [`packages/${owner} imports ${name} without depending on it`]
    : []
}

interface Manifest {
  readonly dependencies?: Readonly<Record<string, string>>
  readonly peerDependencies?: Readonly<Record<string, string>>
  readonly exports?: Readonly<Record<string, unknown>>
}

/** `app-x` is the app in `apps/x`, which only tests import. */
const folderOf = (name: string): string => (name.startsWith('app-') ? `apps/${name.slice(4)}` : `packages/${name}`)
const manifestOf = (name: string): Manifest => JSON.parse(read(`${folderOf(name)}/package.json`)) as Manifest
const exportsOf = (target: string): string[] => Object.keys(manifestOf(target.split('/')[1] as string).exports ?? {})
