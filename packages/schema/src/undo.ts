/**
 * Undo and redo of one user in one entity, across text and fields, in the order in which things were done.
 *
 * Invariants
 * 1. Text and lists are undone by a `Y.UndoManager`, which never has `$entries` in its scope; everything else by steps
 *    that write anew. A step on either side ends the capture of the text before it, so the order stands.
 * 2. Only what was done through this document object is undone: what a provider brings is not.
 * 3. Decisions, deletes, restores and proposals are not undone: they are for everybody, and have their own way back.
 */
import * as Y from 'yjs'
import { limits } from './limits.ts'

/** Something that can be undone. */
export interface UndoStep {
  /** Undoes it, and gives the step that does it again; `null` when there is nothing left of it to undo. */
  undo(): UndoStep | null
}

/** Undo and redo. */
export interface UndoStack {
  readonly canUndo: boolean
  readonly canRedo: boolean
  /** Notes a step that was just done. */
  done(step: UndoStep): void
  /** Ends the capture of text, so that what follows is a step of its own. */
  stop(): void
  /** Undoes the last step of which something is left; `false` when there was none. */
  undo(): boolean
  redo(): boolean
  close(): void
}

/** A stack over the content types `scope`, whose local changes are steps by themselves. */
export const createUndoStack = (doc: Y.Doc, scope: readonly Y.AbstractType<unknown>[]): UndoStack => new Stack(doc, scope)

const content = 'content'
type Step = UndoStep | typeof content

class Stack implements UndoStack {
  readonly #manager: Y.UndoManager | null
  #done: Step[] = []
  #undone: Step[] = []
  #isReplaying = false
  /** Transactions in the last step of content. */
  #captured = 0

  constructor(doc: Y.Doc, scope: readonly Y.AbstractType<unknown>[]) {
    this.#manager = scope.length === 0 ? null : new Y.UndoManager([...scope], { doc, ...anyLocal() })
    this.#manager?.on('stack-item-added', ({ type }: { type: 'undo' | 'redo' }) => {
      if (this.#isReplaying || type !== 'undo') return
      this.#captured = 1
      this.#undone = []
      this.#push(content)
    })
    // The manager merges each change into the step before while somebody types on; that costs the length of the step.
    this.#manager?.on('stack-item-updated', () => {
      if (++this.#captured >= limits.undoChanges) this.stop()
    })
  }

  get canUndo(): boolean {
    return this.#done.length > 0
  }

  get canRedo(): boolean {
    return this.#undone.length > 0
  }

  done(step: UndoStep): void {
    if (this.#isReplaying) return
    this.stop()
    this.#manager?.clear(false, true)
    this.#undone = []
    this.#push(step)
  }

  stop(): void {
    this.#manager?.stopCapturing()
  }

  undo(): boolean {
    return this.#replay(this.#done, this.#undone, () => this.#manager?.undo(), 'undoStack')
  }

  redo(): boolean {
    return this.#replay(this.#undone, this.#done, () => this.#manager?.redo(), 'redoStack')
  }

  close(): void {
    this.#manager?.destroy()
    this.#done = []
    this.#undone = []
  }

  #push(step: Step): void {
    this.#done.push(step)
    if (this.#done.length > limits.undoSteps && this.#done.shift() === content) this.#manager?.undoStack.shift()
  }

  #replay(from: Step[], to: Step[], replayContent: () => unknown, stack: 'undoStack' | 'redoStack'): boolean {
    this.stop()
    this.#isReplaying = true
    try {
      for (let step = from.pop(); step !== undefined; step = from.pop()) {
        const inverse = step === content ? (replayContent() ? content : null) : undoOrPutBack(step, from)
        if (step === content) this.#reconcile(from, stack)
        if (inverse === null) continue
        to.push(inverse)
        return true
      }
      return false
    } finally {
      this.#isReplaying = false
      this.stop()
    }
  }

  /** The manager passes over items of which nothing is left, several at once; their places here go with them. */
  #reconcile(from: Step[], stack: 'undoStack' | 'redoStack'): void {
    let surplus = from.filter((step) => step === content).length - (this.#manager?.[stack].length ?? 0)
    for (let index = from.length - 1; index >= 0 && surplus > 0; index--) {
      if (from[index] !== content) continue
      from.splice(index, 1)
      surplus--
    }
  }
}

/** Undoes `step`; one that is refused, by an invariant for example, stays on its stack. */
function undoOrPutBack(step: UndoStep, from: Step[]): UndoStep | null {
  try {
    return step.undo()
  } catch (error) {
    from.push(step)
    throw error
  }
}

/** Options by which a manager takes every local transaction, whatever binding it comes from. */
function anyLocal(): { readonly trackedOrigins: Set<unknown>; readonly captureTransaction: (transaction: Y.Transaction) => boolean } {
  const trackedOrigins = new Set<unknown>()
  trackedOrigins.has = () => true
  return { trackedOrigins, captureTransaction: (transaction) => transaction.local }
}
