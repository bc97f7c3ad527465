export {
  type Arbiter,
  answerTo,
  createUniqueArbiter,
  firstProposal,
  type Intent,
  intentOf,
  unchangedArbiter,
  type Verdict,
} from './arbiter.ts'
export type { AttachedEntity, AttachOptions } from './attached.ts'
export type { Basis, ShownField } from './basis.ts'
export type { CounterHandle, ListHandle, SetHandle } from './collection.ts'
export type { Author, Candidate, Choice, Conflict, DecideOptions } from './conflict.ts'
export type { Decision, RejectedValue } from './decision.ts'
export { type Declaration, defineEntity, type EntityDefinition } from './define.ts'
export { type DiffPart, diffText } from './diff.ts'
export type { Edit } from './edit.ts'
export {
  type Dot,
  dotKey,
  type Entry,
  type EntryKind,
  entriesName,
  isDot,
  type KnownEntry,
  type Rejected,
  readEntry,
  type StoredEntry,
} from './entry.ts'
export {
  type ArbitratedValue,
  arbitrated,
  type CounterField,
  type CriticalOptions,
  type CriticalValue,
  counter,
  critical,
  type Field,
  type Fields,
  type ListField,
  latest,
  list,
  merged,
  type RegisterField,
  type RichTextField,
  richText,
  type SetField,
  setOf,
  type TextField,
  text,
} from './field.ts'
export type { InvalidField } from './field-reading.ts'
export { type GuardFile, type GuardRules, guardFile, parseGuardFile } from './guard-file.ts'
export type { DecisionRequest } from './host.ts'
export type { Invariant, Violation } from './invariant.ts'
export { canonicalJson, type Json } from './json.ts'
export type { LateEdit, Life } from './life.ts'
export { limits } from './limits.ts'
export { origins } from './origins.ts'
export type { Provisional } from './policy.ts'
export { type Deletion, type KnownTarget, type Lookup, type ReferenceTarget, type ReferenceView, reference } from './reference.ts'
export type { Mapping, Upgrade } from './register.ts'
export type { Report } from './screen.ts'
export { createStampClock, type StampClock, stampMs } from './stamp.ts'
export type {
  CriticalName,
  EntityConflict,
  EntityDecision,
  EntityInit,
  EntityPatch,
  EntityPlain,
  EntityRow,
  EntityShared,
  EntityValue,
  RowMarks,
  ShownPatch,
} from './types.ts'
export type { WriteOptions } from './writing.ts'
