/** Asks the log, one question after the other, each until it is answered. */
import type { Clock } from '../../world/world.ts'
import type { DataGeneration } from '../generations.ts'
import type { MirrorAuthority } from './authority.ts'

/** Rejects when it is not known what became of it. */
type Ask = () => Promise<'recorded' | 'refused'>

export type Question = {
  readonly answered: (answer: 'recorded' | 'refused') => void
  /** Nobody wants to know any more. */
  readonly isOver: () => boolean
}

export type AskerOptions = {
  readonly clock: Clock
  readonly authority: MirrorAuthority
  readonly me: string
  readonly peer: string
  readonly epoch: number
  readonly limits: { readonly askAgainMs: number }
}

export class Asker {
  readonly #options: AskerOptions
  #last: Promise<void> = Promise.resolve()

  constructor(options: AskerOptions) {
    this.#options = options
  }

  readonly askBreak = (generation: DataGeneration, because: string, question: Question): void => {
    const { authority, me, peer, epoch } = this.#options
    this.#ask(() => authority.breakMirror({ current: me, stale: peer, generation, epoch, because }), question)
  }

  /** The content keeps its name: what this side had is void, whatever it is called. */
  readonly askDetach = (because: string, question: Question): void => {
    const { authority, me, peer, epoch } = this.#options
    this.#ask(() => authority.detachMirror({ server: me, current: peer, epoch, because }), question)
  }

  readonly askJoin = (generation: DataGeneration, question: Question): void => {
    const { authority, me, peer, epoch } = this.#options
    this.#ask(() => authority.joinMirror({ source: me, target: peer, generation, epoch }), question)
  }

  /** A break that follows a join whose answer is out waits for it: the log must see them in this order. */
  readonly #ask = (ask: Ask, question: Question): void => {
    this.#last = this.#last.then(() => this.#untilAnswered(ask, question))
  }

  readonly #untilAnswered = async (ask: Ask, { answered, isOver }: Question): Promise<void> => {
    while (!isOver()) {
      const answer = await ask().catch(() => null)
      if (answer !== null) {
        if (!isOver()) answered(answer)
        return
      }
      await new Promise<void>((resolve) => this.#options.clock.after(this.#options.limits.askAgainMs, () => resolve()))
    }
  }
}
