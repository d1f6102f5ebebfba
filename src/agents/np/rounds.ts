/** Asks the same question again and again, one round after the other, and keeps who answered last. */
import type { Round } from '../../decisions/resolve-partition.ts'
import type { Cancel, World } from '../../world/world.ts'

export type RoundsParts<Question> = {
  /** As configured now; null = nothing is to be asked. Times in ms. */
  readonly question: () => (Question & { readonly interval: number; readonly timeout: number }) | null
  /** Who answered, within the time-out. @throws when nobody could be asked: that is not silence. */
  readonly ask: (question: Question & { readonly timeout: number }) => Promise<readonly string[]>
  readonly changed: () => void
}

export type Rounds = {
  /** Null until the first answer, and when nobody can be asked: that is not the same as being cut off. */
  readonly last: () => Round | null
  /** What is to be asked may have changed: begins to ask when there was nothing to ask until now. */
  readonly look: () => void
  readonly stop: () => void
}

export const rounds = <Question>(
  world: Pick<World, 'clock'>,
  { question, ask, changed }: RoundsParts<Question>,
): Rounds => {
  let last: Round | null = null
  let isStopped = false
  let isIdle = false
  let cancel: Cancel = () => {}
  const round = async (): Promise<void> => {
    const wanted = question()
    isIdle = wanted === null
    if (wanted === null) {
      last = null
      return
    }
    const at = world.clock.now()
    const answered = await ask(wanted).catch(() => null)
    last = answered === null ? null : { at, answered }
    changed()
    if (!isStopped) cancel = world.clock.after(wanted.interval, () => void round())
  }
  void round()
  return {
    last: () => last,
    look: () => {
      if (isIdle && !isStopped && question() !== null) void round()
    },
    stop: () => {
      isStopped = true
      cancel()
    },
  }
}
