/** The log, as the engine of a mirror sees it (src/mirror/engine/authority.ts): what it asks is decided here, recorded, answered. */
import { breakMirror } from '../../decisions/break-mirror.ts'
import { detachMirror } from '../../decisions/detach-mirror.ts'
import { joinMirror } from '../../decisions/join-mirror.ts'
import type { MirrorAnswer } from '../../decisions/mirror-answer.ts'
import { epochOf, type MirrorName, sequence, serverName } from '../../events/index.ts'
import type { MirrorAuthority } from '../../mirror/engine/authority.ts'
import type { State } from '../../projections/state.ts'
import type { Recorder } from '../log/recorder.ts'

/** Not known: ask the same again. */
export class MirrorAnswerUnknown extends Error {
  override readonly name = 'MirrorAnswerUnknown'
}

type Answered = ReturnType<MirrorAuthority['breakMirror']>

/** `said`: why something was refused, for the agent's log. */
export const logAuthority = (
  recorder: Pick<Recorder, 'submit' | 'state'>,
  mirror: MirrorName,
  said: (because: string) => void,
): MirrorAuthority => {
  const ask = async (key: string, answerTo: (state: State) => MirrorAnswer): Answered => {
    const { answer, ...more } = await recorder.submit(key, (state) => {
      const decided = answerTo(state)
      return decided.answer === 'record' ? decided.decision : null
    })
    if (answer === 'recorded') return 'recorded'
    if (answer === 'given-up') throw new MirrorAnswerUnknown('because' in more ? String(more.because) : 'no answer')
    const decided = answerTo(recorder.state())
    switch (decided.answer) {
      case 'so-already':
        return 'recorded'
      case 'refused':
        said(decided.because)
        return 'refused'
      case 'not-now':
        throw new MirrorAnswerUnknown(decided.because)
      default:
        // The state has moved between the two looks.
        throw new MirrorAnswerUnknown('the log has moved on')
    }
  }
  return {
    breakMirror: ({ current, stale, generation, epoch, because }) => {
      const sides = { current: serverName(current), stale: serverName(stale) }
      return ask(`break ${mirror} ${generation}`, (state) =>
        breakMirror(state, { mirror, ...sides, generation, epoch: epochOf(sequence(epoch)), because }),
      )
    },
    detachMirror: ({ server, current, epoch, because }) => {
      const sides = { server: serverName(server), current: serverName(current) }
      return ask(`detach ${mirror} ${epoch}`, (state) =>
        detachMirror(state, { mirror, ...sides, epoch: epochOf(sequence(epoch)), because }),
      )
    },
    joinMirror: ({ source, target, generation, epoch }) => {
      const sides = { source: serverName(source), target: serverName(target) }
      return ask(`join ${mirror} ${generation} ${epoch}`, (state) =>
        joinMirror(state, { mirror, ...sides, generation, epoch: epochOf(sequence(epoch)) }),
      )
    },
  }
}
