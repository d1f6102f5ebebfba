/** Asks the log, one question after the other, each until it is answered. */
import type { Clock } from '../../world/world.ts'

export type Question = {
  /** Rejects when it is not known what became of it. */
  readonly ask: () => Promise<'recorded' | 'refused'>
  readonly answered: (answer: 'recorded' | 'refused') => void
  /** Nobody wants to know any more. */
  readonly isOver: () => boolean
}

export class Asker {
  readonly #clock: Clock
  readonly #againMs: number
  #last: Promise<void> = Promise.resolve()

  constructor(clock: Clock, againMs: number) {
    this.#clock = clock
    this.#againMs = againMs
  }

  /** A break that follows a join whose answer is out waits for it: the log must see them in this order. */
  readonly ask = (question: Question): void => {
    this.#last = this.#last.then(() => this.#untilAnswered(question))
  }

  readonly #untilAnswered = async ({ ask, answered, isOver }: Question): Promise<void> => {
    while (!isOver()) {
      const answer = await ask().catch(() => null)
      if (answer !== null) {
        if (!isOver()) answered(answer)
        return
      }
      await new Promise<void>((resolve) => this.#clock.after(this.#againMs, resolve))
    }
  }
}
