/** Lines of work by key: within a line one after the other, in the order of the calls. */
export class Lines {
  /** The last turn of each line. */
  readonly #turns = new Map<string, Promise<void>>()

  /** Whether somebody is at work or waits. */
  has(key: string): boolean {
    return this.#turns.has(key)
  }

  /** Runs `work` when all that came before it in this line has ended, however it ended. */
  run<T>(key: string, work: () => Promise<T>): Promise<T> {
    const done = (this.#turns.get(key) ?? Promise.resolve()).then(work)
    const turn = done.then(
      () => undefined,
      () => undefined,
    )
    this.#turns.set(key, turn)
    void turn.then(() => {
      if (this.#turns.get(key) === turn) this.#turns.delete(key)
    })
    return done
  }
}
