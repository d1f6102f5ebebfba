/** A mirror that never was becomes one: who has the data, and what the first copy is (D7). */
import type { Epoch, Event, InitialCopy, MirrorName, ServerName } from '../events/index.ts'
import type { State } from '../projections/state.ts'
import { type MirrorAnswer, ownerObjection, refused } from './mirror-answer.ts'
import { constructedMirror, mirrorConfigurationOf, otherOf } from './mirror-pair.ts'

export type Construction = {
  readonly mirror: MirrorName
  /** The server that activates it for the first time: its data is what is copied. */
  readonly source: ServerName
  readonly epoch: Epoch
  /** Random: 16 and 8 bytes, hexadecimal. */
  readonly id: string
  readonly generation: string
}

/** Asked by the owner's agent, before the first activation. */
export const constructMirror = (state: State, wish: Construction): MirrorAnswer => {
  const { mirror, source, epoch } = wish
  if (constructedMirror(state, mirror) !== null) return { answer: 'so-already' }
  const configuration = mirrorConfigurationOf(state, mirror)
  const target = otherOf(state, mirror, source)
  if (configuration === null || target === null) return refused(`there is no mirror disk ${mirror}`)
  const objection = ownerObjection(state, { mirror, server: source, epoch })
  if (objection !== null) return objection
  const because = 'activated for the first time'
  const event = constructed({ ...wish, target, initial: configuration.initial, because })
  return { answer: 'record', decision: { events: [event], because: {}, causedBy: null } }
}

export const constructed = ({
  mirror,
  id,
  source,
  target,
  initial,
  generation,
  because,
}: Omit<Construction, 'epoch'> & {
  readonly target: ServerName
  readonly initial: InitialCopy
  readonly because: string
}): Event => ({ type: 'MirrorConstructed', data: { mirror, id, source, target, initial, generation, because } })
