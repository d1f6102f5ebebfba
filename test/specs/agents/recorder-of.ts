/** Stands in for the recorder of an agent: what is decided is on its log at once. */
import type { Answer, Decide, Recorder } from '../../../src/agents/log/recorder.ts'
import { sequence } from '../../../src/events/index.ts'
import type { State } from '../../../src/projections/state.ts'
import { type Given, stateOf } from '../spec.ts'

export type FakeRecorder = Pick<Recorder, 'submit' | 'state'> & {
  /** Somebody else has recorded these. */
  readonly add: (...more: readonly Given[]) => void
}

/** A recorder whose log takes what is decided, or is away. */
export const recorderOf = (given: readonly Given[], isAway = false): FakeRecorder => {
  let state: State = stateOf(given)
  const all = [...given]
  const submit = async (_: string, decide: Decide): Promise<Answer> => {
    if (isAway) return { answer: 'given-up', because: 'the log could not be written' }
    const decision = decide(state)
    if (decision === null) return { answer: 'nothing' }
    all.push(decision.events)
    state = stateOf(all)
    return { answer: 'recorded', sequence: sequence(all.length) }
  }
  return {
    submit,
    state: () => state,
    add: (...more) => {
      all.push(...more)
      state = stateOf(all)
    },
  }
}
