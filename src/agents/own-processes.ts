/** Deaths of this product's own processes on a server (F4): kept until the log has them, with what is to follow. */
import { answerDeath, type Death } from '../decisions/answer-death.ts'
import type { OwnProcess, ServerName } from '../events/index.ts'
import type { World } from '../world/world.ts'
import type { Recorder } from './log/recorder.ts'

export type OwnProcesses = {
  /** It ended without having been told to. */
  readonly died: (process: OwnProcess, because: string) => void
  /** From here on what has been noticed goes to the log, oldest first. */
  readonly recordWith: (parts: OwnProcessParts) => void
}

export type OwnProcessParts = {
  readonly me: ServerName
  readonly recorder: Pick<Recorder, 'submit'>
  readonly reachable: () => ReadonlySet<string>
}

/** While the log is away; by then there is enough to explain. */
const mostWaiting = 100
/** A log that did not take it is asked again after this. */
const againMs = 1000

export const ownProcesses = (world: Pick<World, 'clock' | 'bootId'>): OwnProcesses => {
  let waiting: readonly Death[] = []
  let isTelling = false
  let parts: OwnProcessParts | null = null
  let count = 0
  let latestMs = -1

  /** Of two deaths in one millisecond, the second is stamped with the next: the log knows a death by its moment. */
  const momentMs = (): number => {
    latestMs = Math.max(latestMs + 1, Math.round(world.clock.sinceBoot()))
    return latestMs
  }
  const tell = async ({ me, recorder, reachable }: OwnProcessParts): Promise<void> => {
    const [death] = waiting
    if (death === undefined || isTelling) return
    isTelling = true
    count += 1
    const { answer } = await recorder.submit(`death ${count} of ${death.process}`, (state) =>
      answerDeath(state, death, { me, reachable: reachable() }),
    )
    if (answer !== 'given-up') waiting = waiting.slice(1)
    isTelling = false
    if (answer === 'given-up') world.clock.after(againMs, tellMore)
    else tellMore()
  }
  const tellMore = (): void => {
    if (parts !== null) void tell(parts)
  }
  return {
    died: (process, because) => {
      const death = { process, because, boot: world.bootId(), sinceBootMs: momentMs() }
      if (waiting.length < mostWaiting) waiting = [...waiting, death]
      tellMore()
    },
    recordWith: (given) => {
      parts = given
      tellMore()
    },
  }
}
