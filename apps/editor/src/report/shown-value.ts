/**
 * What a person was shown of a critical field, and so what their next choice is based on.
 *
 * A write to a critical field supersedes what its edit was opened on. If the edit were opened at the click, a value that
 * arrived a blink before would be superseded though nobody had seen it; if it were opened with the page and never again,
 * everything that colleagues set while the page stood open would become a conflict, though the person watched it arrive.
 * So an edit is opened each time a newly settled value is drawn, and taken up when the hand next reaches for the control
 * (focus, press or key), if what it was opened on has stood there long enough to be noticed. Otherwise the choice goes on
 * from what was shown before, and the newcomer stands beside it as a conflict: an extra question, never a lost value.
 */

/** How long a value stands on a visible page before it counts as seen. */
export const noticeMs = 1_000

export class ShownValue<E> {
  #taken: E
  #drawn: { readonly edit: E; sinceMs: number } | null = null

  /** `edit` is of the moment in which the page was opened: that much a person sees before anything else. */
  constructor(edit: E) {
    this.#taken = edit
  }

  /** A settled value was drawn; `edit` was opened on it. */
  draw(edit: E, nowMs: number): void {
    this.#drawn = { edit, sinceMs: nowMs }
  }

  /** The page came back into sight: what was drawn meanwhile is seen from now on. */
  appear(nowMs: number): void {
    if (this.#drawn !== null) this.#drawn.sinceMs = nowMs
  }

  /** The hand reaches for the control. */
  reach(nowMs: number): void {
    if (this.#drawn === null || nowMs - this.#drawn.sinceMs < noticeMs) return
    this.#taken = this.#drawn.edit
    this.#drawn = null
  }

  /** The edit to write through. */
  get edit(): E {
    return this.#taken
  }
}
