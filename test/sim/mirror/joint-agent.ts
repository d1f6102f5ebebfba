/** The agent of a joint simulation: the product's keeper of the mirror, and as much of an agent as a group with one mirror disk needs. */
import { MirrorKeeper } from '../../../src/agents/mirror/keeper.ts'
import { type MirrorPlaces, mirrorPlaces } from '../../../src/agents/mirror/places.ts'
import { assignGroups } from '../../../src/decisions/assign-groups.ts'
import type { Assigned, Decision, Facts } from '../../../src/decisions/decision.ts'
import { joinServer } from '../../../src/decisions/join-server.ts'
import { ownershipOf } from '../../../src/decisions/mirror-pair.ts'
import { reportStopped } from '../../../src/decisions/report-group.ts'
import { takeOver } from '../../../src/decisions/take-over.ts'
import { type Event, groupName, incarnation, serverName, voterName } from '../../../src/events/index.ts'
import { serverOf } from '../../../src/projections/servers.ts'
import type { State } from '../../../src/projections/state.ts'
import type { Writer } from '../../../src/sim/mirror/writer.ts'
import type { SimulatedProcess } from '../../../src/sim/process.ts'
import type { World } from '../../../src/world/world.ts'
import type { View } from './joint-log.ts'

export const mirror = 'web.data'
export const group = groupName('web')
export const places: MirrorPlaces = mirrorPlaces({
  logDirectory: '/log',
  instance: 'i',
  group: 'web',
  resource: 'data',
})

export type AgentParts = {
  readonly world: World
  readonly process: SimulatedProcess
  readonly view: View
  /** Until when this server may run something, by its own clock of true time. */
  readonly leaseEnds: () => number
  readonly reachable: () => ReadonlySet<string>
  /** Servers that were silent for T. */
  readonly silent: () => readonly string[]
  /** What is mounted on this machine; null = nothing. */
  readonly writer: () => Writer | null
  readonly mount: (epoch: number) => Promise<boolean>
  readonly unmount: () => Promise<void>
  /** SIGKILL to the data plane: what does not leave in time. */
  readonly kill: () => void
  readonly say: (what: string, fields: Readonly<Record<string, unknown>>) => void
}

const tickMs: readonly [number, number] = [30, 80]
const serveMs = 30_000
const leaveMs = 1000
/** After a failed start. */
const restMs = 2000

export class JointAgent {
  readonly #parts: AgentParts
  readonly #me: string
  readonly #keeper: MirrorKeeper
  #isBusy = false
  #mayStartAt = 0
  #watched: Writer | null = null
  #start = new AbortController()

  constructor(parts: AgentParts) {
    const { world, process, view, say } = parts
    this.#parts = parts
    this.#me = process.host.name
    this.#keeper = new MirrorKeeper(world, {
      name: mirror as never, // cast: the name of a mirror
      me: serverName(this.#me),
      recorder: view,
      places,
      kit: '/kit',
      command: ['node', 'baton', 'mirror'],
      say,
    })
    view.changed = this.#keeper.wake
    this.#next()
  }

  readonly #next = (): void => {
    const { process } = this.#parts
    process.after(process.host.chance.between(...tickMs), () => {
      this.#tick()
      this.#next()
    })
  }

  readonly #tick = (): void => {
    this.#parts.view.catchUp()
    if (this.#parts.leaseEnds() <= this.#parts.process.host.scheduler.now) {
      this.#start.abort()
      void this.#once(() => this.#release())
      return
    }
    void this.#once(() => this.#work())
  }

  readonly #once = async (work: () => Promise<void>): Promise<void> => {
    if (this.#isBusy) return
    this.#isBusy = true
    await work()
    this.#isBusy = false
  }

  /** Without a lease nothing runs; what follows may go on following. */
  readonly #release = async (): Promise<void> => {
    if (this.#parts.writer() === null && !this.#keeper.isServing) return
    await this.#takeDown()
  }

  readonly #takeDown = async (): Promise<void> => {
    await this.#parts.unmount()
    if ((await this.#keeper.leave(leaveMs)).answer !== 'done') this.#parts.kill()
  }

  readonly #work = async (): Promise<void> => {
    const { view, process } = this.#parts
    const joined = (state: State): Decision | null => {
      const { status, boot } = serverOf(state.servers, this.#me)
      const needs = status === 'up' && boot === process.host.bootId ? null : 'it is new'
      const wish = { me: serverName(this.#me), incarnation: incarnation(process.host.boots), boot: process.host.bootId }
      return joinServer(state, { ...wish, needs, heardBy: [voterName('s1'), voterName('s2')], majority: 2 })
    }
    if (joined(view.state())) {
      // Everything of the generation before is off.
      await this.#takeDown()
      await view.submit('join', joined)
      return
    }
    const duty = (state: State): Decision | null => takeOver(state, this.#facts()) ?? assignGroups(state, this.#facts())
    if (duty(view.state())) await view.submit('duty', duty)
    await this.#tendGroup(ownershipOf(view.state(), mirror))
  }

  readonly #facts = (): Facts => ({
    me: serverName(this.#me),
    now: this.#parts.world.clock.now(),
    reachable: this.#parts.reachable(),
    supporters: (server) =>
      this.#parts.silent().includes(server)
        ? [voterName('w'), voterName(this.#me)].map((voter) => ({ voter, reason: 'silent' as const }))
        : [],
    majority: 2,
  })

  readonly #tendGroup = async (owned: Assigned | null): Promise<void> => {
    const writer = this.#parts.writer()
    const isMine = owned?.server === this.#me
    if (writer !== null && (!isMine || writer.epoch !== owned.epoch || !writer.process.isAlive)) {
      await this.#takeDown()
      if (isMine && writer.epoch === owned.epoch) await this.#stopped(owned)
      return
    }
    if (!isMine) return
    if (writer?.isMounted && this.#keeper.isServing) this.#watch(writer)
    if (owned.phase === 'stopping') {
      await this.#takeDown()
      await this.#parts.view.submit('stopped', (state) => {
        const now = ownershipOf(state, mirror)
        return now?.epoch === owned.epoch ? reportStopped(state, group, this.#facts(), 1) : null
      })
    } else if (owned.phase === 'starting' && writer === null) await this.#startGroup(owned)
    else if (owned.phase === 'starting' && writer?.isMounted && this.#keeper.isServing) {
      // An earlier agent has mounted it, and ended before the log knew.
      await this.#record(owned, 'GroupOnline', { durationMs: 1, adopted: true })
    } else if (owned.phase === 'online' && (writer === null || !this.#keeper.isServing)) {
      // Of an earlier boot, or it has died.
      await this.#takeDown()
      await this.#stopped(owned)
    }
  }

  /** What an earlier agent has mounted, too. */
  readonly #watch = (writer: Writer): void => {
    if (this.#watched === writer) return
    this.#watched = writer
    this.#keeper.onLoss(() => void this.#parts.unmount())
  }

  readonly #startGroup = async (owned: Assigned): Promise<void> => {
    const { view, world } = this.#parts
    if (world.clock.now() < this.#mayStartAt || !view.state().groups.web) return
    this.#start = new AbortController()
    const cancel = world.clock.after(0, () => this.#watchLease(this.#start))
    const serving = await this.#keeper.serve(owned.epoch, { timeoutMs: serveMs, signal: this.#start.signal })
    cancel()
    if (serving.ok && !this.#start.signal.aborted && (await this.#parts.mount(owned.epoch))) {
      const writer = this.#parts.writer()
      if (writer) this.#watch(writer)
      await this.#record(owned, 'GroupOnline', { durationMs: 1, adopted: false })
      return
    }
    this.#parts.say('the mirror did not start', serving)
    await this.#takeDown()
    this.#mayStartAt = world.clock.now() + restMs
    await this.#stopped(owned)
  }

  /** `serve` waits for long; the lease may end before. */
  readonly #watchLease = (start: AbortController): void => {
    const { process } = this.#parts
    if (start.signal.aborted || start !== this.#start) return
    if (this.#parts.leaseEnds() <= process.host.scheduler.now) start.abort()
    else process.after(50, () => this.#watchLease(start))
  }

  readonly #stopped = async (owned: Assigned): Promise<void> =>
    this.#record(owned, 'GroupStopping', { factor: 'GROUPFAILOVER', next: null })

  readonly #record = async (owned: Assigned, type: 'GroupOnline' | 'GroupStopping', more: object): Promise<void> => {
    // cast: the codec checks what it is
    const event = { type, data: { group, epoch: owned.epoch, ...more } } as unknown as Event
    await this.#parts.view.submit(type, (state) => {
      const now = ownershipOf(state, mirror)
      const isMine = now?.epoch === owned.epoch && now.server === this.#me && now.phase !== 'stopping'
      return isMine ? { events: [event], because: {}, causedBy: null } : null
    })
  }
}
