/** Gathers what NP resolution goes by, for as long as an agent runs, and says what it resolves to now. */
import { type Evidence, pingGroupsOf, type Resolution, resolvePartition } from '../../decisions/resolve-partition.ts'
import type { Instant, NpResolution } from '../../events/index.ts'
import type { World } from '../../world/world.ts'
import { answeringUrls } from './http.ts'
import { rounds } from './rounds.ts'

export type NpWatchParts = {
  /** As configured now; null = no configuration is known yet. */
  readonly configuration: () => NpResolution | null
  /** The ping targets that answer. */
  readonly ping: (targets: readonly string[], timeoutMs: number) => Promise<readonly string[]>
  /** What the beats tell: voters heard, and the paths that belong to two servers alone. */
  readonly heard: () => Pick<Evidence, 'voters' | 'com' | 'disk' | 'asOf' | 'bmc'>
  readonly changed: () => void
}

export type NpWatch = {
  /** Now; nothing is asked for it, so it is as fresh as `asOf` says. */
  readonly resolution: () => Resolution
  /** For how long the verdict has been the same, as far as anybody looked. */
  readonly verdictMs: () => number
  /** The configuration may be another one. */
  readonly look: () => void
  readonly stop: () => void
}

const unknown: Resolution = { verdict: 'unknown', reasons: ['no configuration is known yet'], asOf: null }

export const npWatch = (world: World, { configuration, ping, heard, changed }: NpWatchParts): NpWatch => {
  let since: { verdict: Resolution['verdict']; at: Instant } = { verdict: 'unknown', at: world.clock.now() }
  const pings = rounds(world, {
    question: () => {
      const now = configuration()
      return now?.ping ? { ...now.ping, targets: [...new Set(pingGroupsOf(now).flat())] } : null
    },
    ask: ({ targets, timeout }) => ping(targets, timeout),
    changed,
  })
  const questions = rounds(world, {
    question: () => configuration()?.http ?? null,
    ask: (http) => answeringUrls(world, http),
    changed,
  })
  const resolution = (): Resolution => {
    const now = configuration()
    if (now === null) return unknown
    const evidence = { now: world.clock.now(), ping: pings.last(), http: questions.last(), ...heard() }
    const resolved = resolvePartition(evidence, now)
    if (resolved.verdict !== since.verdict) since = { verdict: resolved.verdict, at: evidence.now }
    return resolved
  }
  return {
    resolution,
    verdictMs: () => (resolution().verdict === since.verdict ? world.clock.now() - since.at : 0),
    look: () => {
      pings.look()
      questions.look()
    },
    stop: () => {
      pings.stop()
      questions.stop()
    },
  }
}
