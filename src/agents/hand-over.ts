/**
 * A server that can still be heard, but cannot write to the log any more (it has only a cable or a disk left), gives
 * everything away by its word alone (feature X6): stops what it runs while its lease lasts, writes its renunciation down
 * (rule 4 of liveness), and says it on every path. Whoever hears it need not wait for silence.
 */
import { groupsOn, type Refusal } from '../decisions/decision.ts'
import { liveGeneration } from '../decisions/leases.ts'
import type { Observed } from '../decisions/plan.ts'
import { isBeingEnded } from '../decisions/report-group.ts'
import { type EventLog, type Generation, noGeneration, type ServerName } from '../events/index.ts'
import type { State } from '../projections/state.ts'
import type { World } from '../world/world.ts'
import { type CommandProgress, refusedBy } from './control-protocol.ts'
import type { Recorder } from './log/recorder.ts'
import type { ResourceRunner } from './resource-runner.ts'
import type { Voter } from './voter/voter.ts'

export type HandOverParts = {
  readonly me: ServerName
  readonly voter: Pick<Voter, 'liveness' | 'membership' | 'reachable'>
  /** As long as it can be written there is a better way. */
  readonly log: Pick<EventLog, 'status'>
  readonly runner: Pick<ResourceRunner, 'isAllOff' | 'observed'>
  readonly recorder: Pick<Recorder, 'state'>
  readonly say: (what: string, fields: Readonly<Record<string, unknown>>) => void
  readonly wake: () => void
}

export type HandOver = {
  /** The generation that is being given up; null = none. Nothing of it may start; it is renounced once all is off. */
  readonly generation: () => Generation | null
  /** Ends what can come to nothing any more, once there is a better way. */
  readonly look: () => void
  /** Why it would be refused now; null = it would not. */
  readonly refusal: () => Refusal | null
  /** Resolves when somebody supports the removal, or nobody has in time. */
  readonly ask: (say: (progress: CommandProgress) => void, waitMs: number) => Promise<void>
}

/** Why it ended, for whoever asked. */
const ended = (stuck: readonly string[]): string =>
  `${stuck.join(', ')} cannot be stopped, and the log can be written again: nothing is given up`

/** What is stuck is about to be told, and groups to leave by its final action: nothing starts for the moment until then. */
const areRulesToSpeak = (state: State, me: ServerName, stuck: Observed): boolean => {
  const isEnding = isBeingEnded(state, me)
  return groupsOn(state, me).some(({ name, ownership: { epoch, phase } }) => {
    const isToFail = stuck.some((one) => one.group === name && one.epoch === epoch)
    return (phase === 'starting' || phase === 'online') && (isEnding || isToFail)
  })
}

/** How often it is looked whether things have come about. */
const lookMs = 20

export const handOver = (world: Pick<World, 'clock'>, parts: HandOverParts): HandOver => new Giving(world, parts)

class Giving implements HandOver {
  readonly #world: Pick<World, 'clock'>
  readonly #parts: HandOverParts
  #asked: Generation | null = null
  #ended: string | null = null

  constructor(world: Pick<World, 'clock'>, parts: HandOverParts) {
    this.#world = world
    this.#parts = parts
  }

  /** Void once it is renounced, or the server has joined anew: its word was about the generation before. */
  readonly generation = (): Generation | null => {
    const asked = this.#asked
    const { voter, me } = this.#parts
    const isCurrent = voter.membership().generations[me]?.generation === asked
    return asked !== null && isCurrent && voter.liveness().renounced < asked ? asked : null
  }

  /**
   * What is stuck is not tried again while everything is to be off: the word would never be given, and nothing ever start.
   * 1. As long as the log is away, that is right: who asked wanted nothing to run here.
   * 2. Once it can be written, the rules do better: they report what is stuck, and take the final action. Where that leaves
   *    the server, it is to run what it owns as before.
   * 3. No word was given, to nobody: beats tell of a renunciation that is on disk alone, and none is being written.
   */
  readonly look = (): void => {
    const g = this.generation()
    const { log, voter, runner, recorder, me, say } = this.#parts
    if (g === null || voter.liveness().renouncing >= g || !log.status().reachable) return
    const stuck = runner.observed().filter(({ condition }) => condition === 'stuck')
    if (stuck.length === 0 || areRulesToSpeak(recorder.state(), me, stuck)) return
    this.#asked = null
    this.#ended = ended(stuck.map(({ group, resource }) => `${group}/${resource}`))
    say('a hand-over has ended', { because: this.#ended, generation: g, possible: `baton server stop ${me}` })
  }

  readonly ask: HandOver['ask'] = async (say, waitMs) => {
    const { voter, runner, wake } = this.#parts
    const began = this.#world.clock.now()
    const elapsedMs = () => Math.round(this.#world.clock.now() - began)
    const g = liveGeneration(voter.liveness(), voter.membership())
    const refusal = this.refusal()
    if (refusal !== null) return say(refusedBy(refusal))
    if (g === null) return
    const until = (isSo: () => boolean) => this.#until(isSo, began + waitMs)
    const late = (detail: string) => say({ step: 'timed-out', detail, elapsedMs: elapsedMs() })
    this.#asked = g
    this.#ended = null
    const failed = (detail: string) => say({ step: 'failed', detail, elapsedMs: elapsedMs() })
    say({ step: 'progress', text: `stopping everything; ${this.#others().join(', ')} can hear of it` })
    wake()
    if (!(await until(() => this.generation() === null || runner.isAllOff())))
      return late('not everything is off yet; it goes on')
    if (this.#ended !== null) return failed(this.#ended)
    say({ step: 'progress', text: `everything is off after ${elapsedMs()} ms` })
    await until(() => this.generation() === null)
    if (voter.liveness().renounced < g) return failed('the renunciation was not written down: see the log of the agent')
    say({ step: 'progress', text: `generation ${g} is renounced: on disk, and said on every path` })
    if (!(await until(() => this.#supporters(g).length > 0))) return late('nobody has taken note yet; it is said on')
    say({ step: 'done', detail: `${this.#supporters(g).join(', ')} took note`, elapsedMs: elapsedMs() })
  }

  readonly refusal = (): Refusal | null => {
    const { log, me, voter } = this.#parts
    if (log.status().reachable) return { refused: 'the log can be written', possible: `baton server stop ${me}` }
    if (liveGeneration(voter.liveness(), voter.membership()) === null)
      return {
        refused: 'this server has given up its groups already',
        possible: 'nothing: it has nothing to hand over',
      }
    if (this.#others().length > 0) return null
    return {
      refused: 'no other server is heard on any path: nobody would hear of it',
      possible: 'nothing: the others take over once they have not heard this server for the heartbeat timeout',
    }
  }

  #others(): readonly string[] {
    return [...this.#parts.voter.reachable()].filter((name) => name !== this.#parts.me)
  }

  #supporters(g: Generation): readonly string[] {
    const { voter, me } = this.#parts
    const said = Object.entries(voter.liveness().said)
    return said.flatMap(([name, { supports }]) =>
      name !== me && (supports[me]?.generation ?? noGeneration) >= g ? [name] : [],
    )
  }

  async #until(isSo: () => boolean, end: number): Promise<boolean> {
    const { clock } = this.#world
    while (!isSo()) {
      if (clock.now() >= end) return false
      await new Promise<void>((resolve) => {
        clock.after(lookMs, resolve)
      })
    }
    return true
  }
}
