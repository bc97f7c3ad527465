export { type ArchiveSource, readArchive, writeArchive } from './archive.ts'
export { type ArchivedDocument, type ArchivedPending, type ArchiveHeader, type ArchiveRecord, archiveVersion } from './record.ts'
