/** Carries out the fences that the log gave to this server, with pauses between attempts, and tells what came of them. */
import type { Facts } from '../../decisions/decision.ts'
import { type FenceAttempt, pauseAfter, recordAttempt } from '../../decisions/fence-server.ts'
import { type Instant, instant, type ServerName } from '../../events/index.ts'
import type { PendingFence } from '../../projections/fencing.ts'
import type { State } from '../../projections/state.ts'
import type { Cancel, World } from '../../world/world.ts'
import type { Recorder } from '../log/recorder.ts'
import type { Fencer } from './fence.ts'

export type FenceKeeperParts = {
  readonly me: ServerName
  readonly recorder: Recorder
  readonly fencer: Fencer
  readonly hasLease: () => boolean
  readonly facts: () => Facts
  readonly say: (what: string, fields: Readonly<Record<string, unknown>>) => void
  readonly wake: () => void
}

/** One request as this agent knows it. `found`: an outcome that is not on the log yet. */
type Case = {
  attempt: number
  nextAt: Instant
  isRunning: boolean
  found: FenceAttempt | null
}

/** Named by server, generation and request: a newer request begins anew. */
const keyOf = ({ server, generation, requestedBy }: PendingFence): string =>
  `fence ${server} ${generation} ${requestedBy}`

export class FenceKeeper {
  readonly #world: World
  readonly #parts: FenceKeeperParts
  readonly #cases = new Map<string, Case>()
  readonly #ending = new AbortController()
  #cancel: Cancel = () => {}

  constructor(world: World, parts: FenceKeeperParts) {
    this.#world = world
    this.#parts = parts
  }

  /** Starts what is due; called at every turn of the agent's loop. */
  tend(state: State): void {
    const { recorder, wake } = this.#parts
    const mine = this.#mine(state)
    const keys = new Set(mine.map(keyOf))
    for (const key of this.#cases.keys()) if (!keys.has(key) && !recorder.isPending(key)) this.#cases.delete(key)
    this.#cancel()
    if (!this.#mayFence(state)) return
    const now = this.#world.clock.now()
    let soonest = Number.POSITIVE_INFINITY
    for (const pending of mine) {
      const one = this.#caseOf(state, pending)
      if (one.isRunning) continue
      if (one.found) this.#tell(pending, one, one.found)
      else if (now >= one.nextAt) this.#begin(state, pending, one)
      else soonest = Math.min(soonest, one.nextAt - now)
    }
    if (soonest !== Number.POSITIVE_INFINITY) this.#cancel = this.#world.clock.after(soonest, wake)
  }

  stop(): void {
    this.#cancel()
    this.#ending.abort()
  }

  #mine({ fencing: { pending } }: State): readonly PendingFence[] {
    return Object.values(pending).filter(({ executor }) => executor === this.#parts.me)
  }

  /** Only a server that holds a lease fences: of two sides that lost each other, at most one has such servers. */
  #mayFence({ cluster }: State): boolean {
    return !cluster.suspended && this.#parts.hasLease()
  }

  #caseOf(state: State, pending: PendingFence): Case {
    const known = this.#cases.get(keyOf(pending))
    if (known) return known
    // An attempt of an earlier agent may have failed a moment ago: then the pause is kept.
    const nextAt = this.#after(state, pending.attempts)
    const fresh: Case = { attempt: pending.attempts, nextAt, isRunning: false, found: null }
    this.#cases.set(keyOf(pending), fresh)
    return fresh
  }

  #after({ configuration: { current } }: State, attempts: number): Instant {
    return instant(this.#world.clock.now() + (current ? pauseAfter(current.fencing, attempts) : 0))
  }

  #begin(state: State, pending: PendingFence, one: Case): void {
    const { recorder, fencer, say, wake } = this.#parts
    const { server } = pending
    const { current } = state.configuration
    if (!current) return
    const isWanted = (): boolean => {
      const latest = recorder.state()
      return this.#mayFence(latest) && this.#mine(latest).some((other) => keyOf(other) === keyOf(pending))
    }
    one.isRunning = true
    one.attempt += 1
    say('fencing a server', { server, attempt: one.attempt })
    void fencer
      .fence(server, current.fencing, { signal: this.#ending.signal, isWanted })
      .catch((trouble: unknown): FenceAttempt => ({ ok: false, because: `its driver failed: ${String(trouble)}` }))
      .then((found) => {
        one.isRunning = false
        one.found = found
        say(found.ok ? 'a server was fenced' : 'a server could not be fenced', { server, ...found })
        wake()
      })
  }

  #tell(pending: PendingFence, one: Case, outcome: FenceAttempt): void {
    const { recorder, hasLease, facts, wake } = this.#parts
    const key = keyOf(pending)
    if (recorder.isPending(key)) return
    const { server, generation, requestedBy } = pending
    const told = { server, generation, requestedBy, attempt: one.attempt, outcome }
    const decide = (latest: State) => (hasLease() ? recordAttempt(latest, told, facts()) : null)
    void recorder.submit(key, decide).then(({ answer }) => {
      if (answer === 'recorded') this.#recorded(pending, one, outcome)
      wake()
    })
  }

  #recorded({ server }: PendingFence, one: Case, outcome: FenceAttempt): void {
    const { recorder, fencer, say } = this.#parts
    const state = recorder.state()
    const { current } = state.configuration
    one.found = null
    one.nextAt = this.#after(state, one.attempt)
    if (!outcome.ok || !current) return
    const tellOf = (trouble: unknown) => say('a fenced server could not be switched on again', { server, trouble })
    void fencer.restart(server, outcome.level, current.fencing, this.#ending.signal).then((trouble) => {
      if (trouble.length > 0) tellOf(trouble)
    }, tellOf)
  }
}
