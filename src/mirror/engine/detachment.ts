/**
 * A disk of the active side fails while both sides have everything: it goes on with the disk of the other side alone.
 * 1. From here on nothing is done to its own disks, and what was not marked there before is not sent either: it is held
 * back; nothing is acknowledged. 2. The other side has done and flushed everything that was sent. 3. The log records that
 * its copy is current, and that of this side is not. 4. Only now all goes to the other side, and is acknowledged. There is
 * no way back: this copy is made anew once the other side serves.
 */
import { type Frame, frame } from '../peer/frame.ts'
import type { Asker } from './asker.ts'

export type DetachmentPort = {
  readonly asker: Pick<Asker, 'askDetach'>
  /** Under the next number, which it answers. */
  readonly send: (one: Frame) => number
  readonly holding: (because: string) => void
  readonly isStopped: () => boolean
  readonly refused: () => void
  /** The log has it. `sequence`: what the other side has acknowledged so far. */
  readonly recorded: (because: string, sequence: number) => void
}

export class Detachment {
  readonly #port: DetachmentPort
  #state: 'attached' | 'flushing' | 'asking' | 'detached' = 'attached'
  #because = ''
  /** Number of the flush behind everything that was sent before the disk was given up. */
  #fence: number | null = null
  #acknowledged = 0

  constructor(port: DetachmentPort) {
    this.#port = port
  }

  /** This side's own disks are in use. */
  get isAttached(): boolean {
    return this.#state === 'attached'
  }

  /** The log has it: everything that is not acknowledged yet came after it, and is in memory. */
  get isDone(): boolean {
    return this.#state === 'detached'
  }

  /** The other side has done everything: only the log is waited for. */
  get isAsking(): boolean {
    return this.#state === 'asking'
  }

  readonly begin = (because: string): void => {
    this.#state = 'flushing'
    this.#because = because
    this.#port.holding(because)
  }

  /** Everything that belongs before it was sent; does nothing unless it has just begun. */
  readonly fence = (): void => {
    if (this.#state === 'flushing') this.#fence ??= this.#port.send(frame('flush'))
  }

  /** The other side has done everything up to this one. True: nobody may be told yet. */
  readonly holds = (sequence: number): boolean => {
    if (this.#state === 'attached' || this.#state === 'detached') return false
    this.#acknowledged = sequence
    if (this.#state === 'flushing' && this.#fence !== null && sequence >= this.#fence) this.#ask()
    return true
  }

  readonly #ask = (): void => {
    const { asker, isStopped, refused, recorded } = this.#port
    this.#state = 'asking'
    asker.askDetach(this.#because, {
      answered: (answer) => {
        if (answer === 'refused') return refused()
        this.#state = 'detached'
        recorded(this.#because, this.#acknowledged)
      },
      isOver: isStopped,
    })
  }
}
