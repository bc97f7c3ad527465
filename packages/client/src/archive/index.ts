export { type ArchiveOptions, type ArchiveProgress, exportSpace, type ImportResult, importSpace } from './archive.ts'
