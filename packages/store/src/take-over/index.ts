export { type ImportYIndexeddbOptions, importYIndexeddb, readYIndexeddb, type YIndexeddbDocument } from './y-indexeddb.ts'
