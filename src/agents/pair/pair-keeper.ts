/** What an agent of a pair does beside its duties: it judges whether the log may go on alone, and gives up a lost split. */

import type { Facts, Refusal } from '../../decisions/decision.ts'
import { liveGeneration } from '../../decisions/leases.ts'
import { type Judgement, mayGoAlone, mayRejoin, noJudgement, standInSupport } from '../../decisions/liveness-pair.ts'
import type { PairSight } from '../../decisions/log-copy.ts'
import { takeOverByOrder } from '../../decisions/take-over.ts'
import type { Author, Generation, Instant, Recorded, Sequence, ServerName } from '../../events/index.ts'
import type { World } from '../../world/world.ts'
import { type CommandProgress, refusedBy } from '../control-protocol.ts'
import type { PairLink, Say } from '../log/log-link.ts'
import type { Recorder } from '../log/recorder.ts'
import type { NpWatch } from '../np/np-watch.ts'
import type { ResourceRunner } from '../resource-runner.ts'
import type { Voter } from '../voter/voter.ts'

/** An operator's order to go on alone holds for so long; who does not hear of success by then asks again. */
const orderMs = 60_000
const lookMs = 50

export type PairKeeperParts = {
  readonly link: PairLink
  readonly voter: Voter
  readonly recorder: Recorder
  readonly np: Pick<NpWatch, 'resolution' | 'verdictMs'>
  readonly facts: () => Facts
  readonly runner: Pick<ResourceRunner, 'isAllOff'>
  /** Empties this server's copy after `common`, and ends the process. */
  readonly giveUpHistory: (common: Sequence) => Promise<void>
  readonly say: Say
}

export type PairKeeper = {
  /** What counts as the peer's own support of its removal. */
  readonly supports: (server: ServerName, generation: Generation) => ReturnType<typeof standInSupport>
  readonly sight: (now: Instant) => PairSight
  /** Whenever something may have changed. */
  readonly step: (now: Instant) => void
  /** Why `order` would be refused now; null = it would not. */
  readonly refusal: () => Refusal | null
  /** An operator vouches that the other server is off. Resolves when the log goes on here, or does not in time. */
  readonly order: (by: Author, say: (progress: CommandProgress) => void, waitMs: number) => Promise<void>
}

const isNoPair = { refused: 'this cluster is no pair', possible: 'nothing: here a majority decides' }
/** Of any other cluster. */
export const noPair: Pick<PairKeeper, 'order' | 'refusal'> = {
  refusal: () => isNoPair,
  order: async (_by, say) => say(refusedBy(isNoPair)),
}

export const pairKeeper = (world: World, parts: PairKeeperParts): PairKeeper => new Keeper(world, parts)

class Keeper implements PairKeeper {
  readonly #world: World
  readonly #parts: PairKeeperParts
  #ordered: { readonly by: Author; readonly until: number } | null = null
  #isYielding = false
  /** Since when the log may go on here alone. */
  #allowedAt: Instant | null = null

  constructor(world: World, parts: PairKeeperParts) {
    this.#world = world
    this.#parts = parts
    parts.recorder.onFold(this.#folded)
  }

  readonly supports = (server: ServerName, generation: Generation): ReturnType<typeof standInSupport> => {
    const { voter } = this.#parts
    const pair = voter.pair()
    const removal = { server, generation, now: this.#world.clock.now() }
    return pair === null ? [] : standInSupport(voter.liveness(), pair, this.#judgement(), removal)
  }

  readonly sight = (now: Instant): PairSight => {
    const { link, voter } = this.#parts
    const pair = voter.pair()
    return {
      mayRejoin: pair !== null && link.copies().peer === 'current' && mayRejoin(voter.liveness(), pair, now),
      setAside: link.setAside(),
    }
  }

  readonly order: PairKeeper['order'] = async (by, say, waitMs) => {
    const { clock } = this.#world
    const since = clock.now()
    const refusal = this.refusal()
    if (refusal !== null) return say(refusedBy(refusal))
    this.#ordered = { by, until: since + Math.max(orderMs, waitMs) }
    for (;;) {
      this.step(clock.now())
      const elapsedMs = clock.now() - since
      const me = this.#parts.voter.liveness().me
      if (this.#parts.voter.pair()?.alone === me)
        return say({ step: 'done', detail: `the log goes on with ${me} alone`, elapsedMs })
      if (elapsedMs >= waitMs) {
        this.#ordered = null
        return say({ step: 'timed-out', detail: 'the other server has not been silent for long enough', elapsedMs })
      }
      await new Promise<void>((resolve) => clock.after(lookMs, resolve))
    }
  }

  readonly refusal = (): Refusal | null => {
    const { voter } = this.#parts
    const pair = voter.pair()
    if (pair === null)
      return { refused: 'the log has not been read yet', possible: 'ask again when baton status shows groups' }
    const { me } = voter.liveness()
    if (pair.alone === me) return { refused: 'the log is with this server alone already', possible: 'nothing' }
    if (pair.alone !== null)
      return {
        refused: `the log went on with ${pair.alone} alone, and what it decided then is not here`,
        possible: `start ${pair.alone}`,
      }
    if (!voter.membership().generations[pair.peer]?.isUp)
      return { refused: `${pair.peer} has never joined`, possible: 'start it: the log begins with both servers' }
    return voter.reachable().has(pair.peer)
      ? { refused: `${pair.peer} is heard`, possible: `stop it: baton server stop ${pair.peer}` }
      : null
  }

  readonly step = (now: Instant): void => {
    const { link, voter, recorder, facts } = this.#parts
    const judgement = this.#judgement()
    voter.judge(judgement)
    const pair = voter.pair()
    const may = pair !== null && mayGoAlone(voter.liveness(), voter.membership(), { pair, judgement, now })
    // Rule 7c: without a commit of its own this agent's state may be that of an old copy.
    link.judge(may && (recorder.hasBarrier() || judgement.isOrdered))
    if (may && judgement.isOrdered && this.#ordered)
      void recorder.submit('go alone', (state) => takeOverByOrder(state, facts()), this.#ordered.by)
    if (pair !== null && pair.alone !== null) this.#ordered = null
    this.#tell(may, now)
    this.#considerYielding()
  }

  readonly #folded = (recorded: readonly Recorded[]): void => {
    const { link, voter, say } = this.#parts
    const { me } = voter.liveness()
    for (const event of recorded.flatMap(({ commit }) => commit.events))
      if (event.type === 'LogTailSetAside' && event.data.server === me)
        link
          .setAsideRecorded(event.data.file)
          .catch((trouble: unknown) =>
            say('what the log says to be set aside is said again at the next start', { trouble: String(trouble) }),
          )
  }

  #tell(may: boolean, now: Instant): void {
    const { voter, say } = this.#parts
    const isAlone = voter.pair()?.alone === voter.liveness().me
    if (this.#allowedAt !== null && isAlone)
      say('the log goes on with this server alone', { afterMs: Math.round(now - this.#allowedAt) })
    if (!may) this.#allowedAt = null
    else if (this.#allowedAt === null) {
      this.#allowedAt = now
      say('the rules let the log go on with this server alone', {})
    }
  }

  #judgement(): Judgement {
    const { np } = this.#parts
    const { verdict, asOf } = np.resolution()
    const isConnected = verdict === 'connected'
    return {
      ...noJudgement,
      ...(isConnected && { connectedAsOf: asOf, connectedMs: np.verdictMs() }),
      isOrdered: this.#ordered !== null && this.#world.clock.now() < this.#ordered.until,
    }
  }

  /** N6: everything off first, and for good; then the history that lost. */
  #considerYielding(): void {
    const { link, voter, runner, giveUpHistory, say } = this.#parts
    const { split } = link.copies()
    if (split === null || split.isOurs || this.#isYielding) return
    const generation = liveGeneration(voter.liveness(), voter.membership())
    if (generation !== null) {
      say('the other server goes on with the log: releasing everything', { common: split.common })
      voter.giveUpLease(generation)
    } else if (runner.isAllOff()) {
      this.#isYielding = true
      giveUpHistory(split.common).catch((trouble: unknown) => {
        this.#isYielding = false
        say('this server’s own history could not be set aside', { trouble: String(trouble) })
      })
    }
  }
}
