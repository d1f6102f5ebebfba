/**
 * Random clusters of two servers and one mirror: breaks, joins, takeovers, restarts, lost replies and restores from
 * backups, in any order, all through the decisions of the product. The log's word must never lose a write.
 */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { breakMirror } from '../../src/decisions/break-mirror.ts'
import { joinMirror } from '../../src/decisions/join-mirror.ts'
import { mayMount, seeSide } from '../../src/decisions/mirror-agent.ts'
import type { MirrorAnswer } from '../../src/decisions/mirror-answer.ts'
import { mirrorObjection } from '../../src/decisions/mirror-fitness.ts'
import { type Epoch, type Event, mirrorName, type ServerName } from '../../src/events/index.ts'
import { mirrorOf } from '../../src/projections/mirrors.ts'
import type { State } from '../../src/projections/state.ts'
import { fact } from '../recorded-log.ts'
import { assigned, joined, s1, s2 } from '../specs/decisions/demo.ts'
import { claims, constructed, g0, mirrored, sideSeen } from '../specs/decisions/mirror-demo.ts'
import { type Given, stateOf } from '../specs/spec.ts'

const name = mirrorName('web', 'data')
type Copy = {
  readonly writes: ReadonlySet<number>
  readonly generation: string
  readonly pending: string | null
  readonly epoch: number
}
type Engine = { readonly server: ServerName; readonly epoch: Epoch; isAlone: boolean }

/** The two machines and what they would do; the log is the product's. */
class World {
  readonly #given: Given[] = [...mirrored(), constructed(), sideSeen('s1'), sideSeen('s2')]
  readonly copies: Record<string, Copy> = {
    s1: { writes: new Set(), generation: g0, pending: null, epoch: 0 },
    s2: { writes: new Set(), generation: g0, pending: null, epoch: 0 },
  }
  readonly backups: Record<string, Copy> = { ...this.copies }
  readonly acknowledged = new Set<number>()
  engine: Engine | null = null
  #next = 1
  #boots = 1

  #known: State | null = null
  get state(): State {
    this.#known ??= stateOf(this.#given)
    return this.#known
  }

  readonly record = (...events: readonly [Event, ...Event[]]): void => {
    this.#given.push(events)
    this.#known = null
  }
  readonly #take = (answer: MirrorAnswer): boolean => {
    if (answer.answer === 'record') this.record(...answer.decision.events)
    return answer.answer === 'record' || answer.answer === 'so-already'
  }
  readonly #other = (server: string): 's1' | 's2' => (server === 's1' ? 's2' : 's1')

  /** An owner that the log allows, or nobody. */
  readonly start = (server: ServerName, isPeerThere: boolean): void => {
    const { groups, mirrors } = this.state
    if (groups.web?.ownership.status === 'assigned' || mirrorObjection(this.state, name, server) !== null) return
    this.record(assigned('web', server))
    const owned = this.state.groups.web?.ownership
    if (owned?.status !== 'assigned') return
    const copy = this.copies[server]
    const known = mirrorOf(mirrors, name)
    // The invariant: whoever is activated without force has every acknowledged write.
    for (const write of this.acknowledged) expect(copy?.writes.has(write), `${server} lacks write ${write}`).toBe(true)
    const isRecorded = copy?.pending != null && copy.pending === known?.generation
    this.#save(server, { epoch: owned.epoch, ...(isRecorded ? { generation: copy.pending, pending: null } : {}) })
    this.engine = { server, epoch: owned.epoch, isAlone: false }
    // Before anything is mounted, the log knows under which epoch whose copies are written.
    if (isPeerThere && known?.stale === null && this.#follow(this.engine)) return
    this.break(true)
    if (this.engine !== null) expect(mayMount(this.state, name, owned.epoch)).toBe(true)
  }

  /** The other side has what this one has; it saves the epoch before it is said to follow. */
  readonly #follow = ({ server, epoch }: Engine): boolean => {
    const target = this.#other(server)
    // Its agent shows what it has before it lets it follow: it may have been restored.
    this.show(target)
    const generation = this.copies[server]?.generation ?? g0
    const answer = joinMirror(this.state, {
      mirror: name,
      source: server,
      target: target as ServerName,
      generation,
      epoch,
    })
    if (answer.answer === 'record') this.#save(target, { epoch })
    return this.#take(answer)
  }

  readonly #save = (server: string, change: Partial<Copy>): void => {
    const copy = this.copies[server]
    if (copy) this.copies[server] = { ...copy, ...change }
  }

  readonly write = (): void => {
    const { engine } = this
    if (engine === null) return
    const write = this.#next++
    const sides = engine.isAlone ? [engine.server] : ['s1', 's2']
    for (const side of sides) this.#put(side, write)
    this.acknowledged.add(write)
  }
  readonly #put = (side: string, write: number): void => {
    const copy = this.copies[side]
    if (copy) this.copies[side] = { ...copy, writes: new Set([...copy.writes, write]) }
  }

  /** `isHeard`: the reply to the question arrives. */
  readonly break = (isHeard: boolean): void => {
    const { engine } = this
    if (engine === null || engine.isAlone) return
    const generation = (this.#next++).toString(16).padStart(16, '0')
    const wish = { mirror: name, current: engine.server, stale: this.#other(engine.server) as ServerName, generation }
    // Before the log knows it: after a crash in between, the log's word decides whether it is ours.
    this.#save(engine.server, { pending: generation })
    const isTaken = this.#take(breakMirror(this.state, { ...wish, epoch: engine.epoch, because: '' }))
    if (!isTaken) this.engine = null
    else if (isHeard) {
      engine.isAlone = true
      this.#save(engine.server, { generation, pending: null })
    }
  }

  readonly resync = (): void => {
    const { engine } = this
    if (!engine?.isAlone) return
    const target = this.#other(engine.server)
    const source = this.copies[engine.server]
    if (!source) return
    this.show(target)
    const { writes, generation } = source
    this.#save(target, { writes, generation, epoch: engine.epoch })
    this.show(target)
    const wish = { mirror: name, source: engine.server, target: target as ServerName, generation, epoch: engine.epoch }
    if (this.#take(joinMirror(this.state, wish))) engine.isAlone = false
  }

  /** A word of an engine that has stopped long ago. */
  readonly lateWords = (epoch: number): void => {
    const now = this.state.groups.web?.ownership
    if (now?.status === 'assigned' && now.epoch !== epoch) this.lateWords(now.epoch)
    for (const server of [s1, s2]) {
      const generation = this.copies[server]?.generation ?? g0
      const wish = { mirror: name, epoch: epoch as Epoch, generation }
      const owned = this.state.groups.web?.ownership
      if (owned?.status === 'assigned' && owned.epoch === epoch && owned.server === server) continue
      const other = this.#other(server) as ServerName
      expect(joinMirror(this.state, { ...wish, source: server, target: other }).answer).not.toBe('record')
      expect(breakMirror(this.state, { ...wish, current: server, stale: other, because: '' }).answer).not.toBe('record')
    }
  }

  readonly stop = (): void => {
    const owned = this.state.groups.web?.ownership
    if (owned?.status !== 'assigned') return
    this.record(fact('GroupStopping', { group: 'web', epoch: owned.epoch, factor: 'GROUPSTOP', next: null }))
    this.record(fact('GroupStopped', { group: 'web', epoch: owned.epoch, durationMs: 1 }))
    this.engine = null
  }

  /** The server that serves is lost: nobody owns the group, and what it had written is on its disk. */
  readonly lose = (): void => {
    const { engine } = this
    if (engine === null) return
    const generation = this.state.servers.byName[engine.server]?.generation ?? 0
    this.record(fact('ServerDeclaredDown', { server: engine.server, generation, supports: [] }))
    this.engine = null
  }

  readonly comeBack = (server: 's1' | 's2'): void => {
    if (this.engine?.server === server) return
    this.record(joined(server, `${server}-boot-${++this.#boots}`))
    this.show(server)
  }

  readonly show = (server: 's1' | 's2'): void => {
    const copy = this.copies[server]
    if (!copy) return
    const { generation, pending, epoch } = copy
    const boot = this.state.servers.byName[server]?.boot ?? ''
    const seen = claims(server, { generation, epoch, boot, pending, session: `${this.#next++}` })
    const decision = seeSide(this.state, seen as never)
    if (decision) this.record(...decision.events)
  }

  readonly backUp = (server: 's1' | 's2'): void => {
    const copy = this.copies[server]
    if (copy && this.engine === null) this.backups[server] = copy
  }
  readonly restore = (server: 's1' | 's2'): void => {
    const backup = this.backups[server]
    if (!backup || this.engine !== null) return
    this.copies[server] = backup
    // Its agent has not spoken yet.
    this.record(joined(server, `${server}-boot-${++this.#boots}`))
  }
}

const side = fc.constantFrom('s1' as const, 's2' as const)
const step = fc.oneof(
  { weight: 4, arbitrary: fc.constant((world: World) => world.write()) },
  {
    weight: 3,
    arbitrary: fc.tuple(side, fc.boolean()).map(
      ([server, isPeerThere]) =>
        (world: World) =>
          world.start(server as ServerName, isPeerThere),
    ),
  },
  { weight: 2, arbitrary: fc.boolean().map((isHeard) => (world: World) => world.break(isHeard)) },
  { weight: 2, arbitrary: fc.constant((world: World) => world.resync()) },
  { weight: 2, arbitrary: fc.constant((world: World) => world.stop()) },
  { weight: 2, arbitrary: fc.constant((world: World) => world.lose()) },
  { weight: 3, arbitrary: side.map((server) => (world: World) => world.comeBack(server)) },
  { weight: 1, arbitrary: side.map((server) => (world: World) => world.backUp(server)) },
  { weight: 3, arbitrary: side.map((server) => (world: World) => world.restore(server)) },
  { weight: 1, arbitrary: fc.integer({ min: 5, max: 30 }).map((epoch) => (world: World) => world.lateWords(epoch)) },
)

test('whoever is activated has every acknowledged write, whatever broke, came late or was restored', () => {
  let starts = 0
  fc.assert(
    fc.property(fc.array(step, { minLength: 6, maxLength: 30 }), (steps) => {
      const world = new World()
      for (const one of steps) {
        one(world)
        if (world.engine) starts++
      }
    }),
    { numRuns: 400 },
  )
  expect(starts).toBeGreaterThan(150)
})
