export { importYIndexeddb, type TakeOverOptions } from './y-indexeddb.ts'
