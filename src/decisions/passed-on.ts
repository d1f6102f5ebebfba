/**
 * Rule 4 and X6: a renunciation that reached a voter by way of another. A server with nothing left but a serial cable is
 * heard by one voter; that one passes its word on, and the others need not wait for silence.
 *
 * Why that is safe: it is as if the beat in which p said it had come late, on one more path. Late beats are nothing new
 * to these rules (a disk slot keeps one for ever), and what a renunciation says stays true for ever, since it was on
 * p's disk before it was said. Two things a late beat could not do, this cannot either:
 * 1. it does not count as hearing p: silence is measured as if it had not come (rule 2);
 * 2. it is nothing beside a later life of p that this voter has heard itself: the same store would say it again, and
 *    another store does not remember it (rule 1).
 * It says which generation is given up, and supports nothing newer (rule 6). Whoever has the cluster's key is believed,
 * as with every beat: there is one key, so p's own signature would prove no more than that of whoever passes it on.
 */
import { type Generation, generationOf, type Incarnation, noGeneration, sequence } from '../events/index.ts'
import type { Beat, Liveness, Membership } from './liveness.ts'

/** `incarnation`: the life of the server that said it. */
export type PassedOn = { readonly incarnation: Incarnation; readonly renounced: Generation }
export type AllPassedOn = Readonly<Record<string, PassedOn>>

/** What this voter has heard from each server itself, as long as it is of use: of servers that are up as far as is known. */
export const passedOnBy = ({ heard, me }: Liveness, { servers, generations }: Membership): AllPassedOn =>
  Object.fromEntries(
    servers.flatMap((p) => {
      const [said, known] = [heard[p], generations[p]]
      const isOfUse = p !== me && said && known?.isUp && said.renounced >= known.generation
      return isOfUse ? [[p, { incarnation: said.incarnation, renounced: said.renounced }]] : []
    }),
  )

/** The latest life counts; within one, a renunciation only grows. */
export const withPassedOn = (known: AllPassedOn, { passedOn }: Pick<Beat, 'passedOn'>): AllPassedOn => {
  const said = Object.entries(passedOn)
  if (said.length === 0) return known
  const news = said.filter(([p, one]) => {
    const before = known[p]
    return (
      before === undefined ||
      one.incarnation > before.incarnation ||
      (one.incarnation === before.incarnation && one.renounced > before.renounced)
    )
  })
  return news.length === 0 ? known : { ...known, ...Object.fromEntries(news) }
}

/** The newest generation that p has renounced, as this voter knows. */
export const renouncedBy = ({ heard, passedOn }: Pick<Liveness, 'heard' | 'passedOn'>, p: string): Generation => {
  const [own, passed] = [heard[p], passedOn[p]]
  const itself = own?.renounced ?? noGeneration
  if (passed === undefined || (own !== undefined && own.incarnation > passed.incarnation)) return itself
  return generationOf(sequence(Math.max(passed.renounced, itself)))
}
