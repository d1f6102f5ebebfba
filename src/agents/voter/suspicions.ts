/**
 * What came in and was not what it claims to be: told at once, then counted, so that whoever sends a thousand forged
 * beats a second fills neither the diary nor the log.
 */
import type { World } from '../../world/world.ts'
import type { Say } from '../log/log-link.ts'

/** How often one kind of it is worth a line, and how often a place on the log. */
const sayMs = 10_000
const recordMs = 600_000
/** Kinds that are kept apart; what comes beyond counts as one kind. */
const mostKinds = 32
const anythingElse = 'more that is not what it claims to be'

export type Suspicions = (what: string) => void

type Kind = { saidAt: number; recordedAt: number; count: number }

/** `record` puts it on the log; null for a witness, which writes nothing there. */
export const suspicions = (
  world: Pick<World, 'clock'>,
  { say, record }: { readonly say: Say; readonly record: ((what: string, count: number) => void) | null },
): Suspicions => {
  const kinds = new Map<string, Kind>()
  const kindOf = (what: string): readonly [string, Kind] => {
    const name = kinds.has(what) || kinds.size < mostKinds ? what : anythingElse
    const kind = kinds.get(name) ?? { saidAt: Number.NEGATIVE_INFINITY, recordedAt: Number.NEGATIVE_INFINITY, count: 0 }
    kinds.set(name, kind)
    return [name, kind]
  }
  return (text) => {
    const now = world.clock.now()
    const [what, kind] = kindOf(text)
    kind.count += 1
    if (now - kind.saidAt >= sayMs) {
      kind.saidAt = now
      say('something suspicious', { what, count: kind.count })
    }
    if (record === null || now - kind.recordedAt < recordMs) return
    kind.recordedAt = now
    record(what, kind.count)
    kind.count = 0
  }
}
