/** The parts of the active side, each with what it needs of the others. */
import type { DiskTrouble } from '../disk.ts'
import { copyName } from '../generations.ts'
import type { Frame } from '../peer/frame.ts'
import type { ActiveOptions } from './active-options.ts'
import { Asker } from './asker.ts'
import type { MirrorCondition, PairState } from './authority.ts'
import { Break } from './break.ts'
import { BringUp } from './bring-up.ts'
import { Detachment } from './detachment.ts'
import { DiskCare } from './disk-care.ts'
import { InStep } from './in-step.ts'
import { Operator } from './operator.ts'
import { Reunion } from './reunion.ts'
import type { Side } from './standby.ts'
import type { Statistics } from './statistics.ts'
import type { Touched } from './touched.ts'
import { Writes } from './writes.ts'

/** The active side itself, as its parts see it. */
export type ActiveOwner = {
  readonly side: Side
  readonly options: ActiveOptions
  readonly touched: Touched
  readonly statistics: Statistics
  readonly condition: () => MirrorCondition
  readonly pair: () => PairState
  readonly isLinked: () => boolean
  /** How often the other side's metadata was saved, as it said last. */
  readonly peerSaves: () => number | null
  readonly send: (frames: readonly Frame[]) => void
  /** Runs it; trouble with a disk ends the service, or this side goes on without its disks. Null then. */
  readonly guard: <T>(run: () => T) => T | null
  /** True: this side goes on without its disks. */
  readonly detach: (trouble: DiskTrouble) => boolean
  readonly become: (pair: PairState, because: string) => void
  readonly stop: (because: string) => void
  /** This side goes on alone once the log has it; at once where it is alone there already. */
  readonly goAlone: (because: string) => void
  /** The same, and the connection is given up. */
  readonly breakNow: (because: string) => void
  /** From here on the other side may have everything. */
  readonly joining: () => void
  /** This side has no disks of its own, and the same process there is back. */
  readonly reunited: () => void
  /** The log knows that this side goes on alone. */
  readonly broken: (because: string) => void
  /** The log knows that this side goes on without its disks. */
  readonly detached: (because: string, sequence: number) => void
}

export class ActiveParts {
  readonly writes: Writes
  readonly care: DiskCare
  readonly bringUp: BringUp
  readonly reunion: Reunion
  readonly breaking: Break
  readonly detachment: Detachment
  readonly inStep: InStep
  readonly operator: Operator
  readonly #owner: ActiveOwner

  constructor(owner: ActiveOwner) {
    this.#owner = owner
    const { side, options } = owner
    const shared = {
      ...owner,
      clock: options.clock,
      partition: side.partition,
      asker: new Asker(options),
      report: options.report ?? (() => undefined),
      isAttached: () => this.detachment.isAttached,
      isBreaking: () => this.breaking.isUnderWay,
      isStopped: () => owner.pair() === 'stopped',
    }
    this.writes = this.#writesWith(shared)
    this.care = new DiskCare({
      ...shared,
      // Without a disk of its own what is asked waits for the other side to come back.
      isPaired: () => !this.detachment.isAttached || (owner.isLinked() && owner.pair() === 'paired'),
      mark: (range) => this.writes.intents.begin([range], this.writes.sequence),
    })
    this.bringUp = this.#bringUpWith(shared)
    const { writes, care, bringUp } = this
    this.reunion = new Reunion({ ...shared, writes, care, bringUp })
    this.breaking = new Break({
      ...shared,
      newGeneration: options.newGeneration,
      refused: () => owner.stop('the log refuses that this side goes on alone'),
      recorded: owner.broken,
    })
    this.detachment = new Detachment({
      ...shared,
      send: writes.send,
      holding: (because) => owner.become('holding', because),
      refused: () => owner.stop('the log refuses that this side goes on with the disk of the other one'),
      recorded: owner.detached,
    })
    this.inStep = new InStep({ ...shared, mode: options.mode, writes })
    this.operator = new Operator({ ...shared, bringUp, care })
  }

  readonly #writesWith = (shared: Shared): Writes =>
    new Writes({
      ...shared,
      epoch: this.#owner.options.epoch,
      mode: this.#owner.options.mode,
      unreadable: (read, trouble) => this.care.unreadable(read, trouble),
      writing: (ranges) => this.care.writing(ranges),
      zeroed: (range) => this.bringUp.zeroed(range),
    })

  readonly #bringUpWith = (shared: Shared): BringUp =>
    new BringUp({
      ...shared,
      writes: this.writes,
      newName: () => copyName(this.#owner.options.newGeneration()),
      limits: this.#owner.options.limits.resync,
      times: this.#owner.statistics.resyncAcknowledge,
      joining: () => this.reunion.joining(),
      joined: () => this.reunion.askJoin(),
      again: () => this.reunion.meet(),
      unreadable: this.care.tell,
      incomplete: this.#owner.breakNow,
    })
}

type Shared = ActiveOwner & {
  readonly clock: ActiveOptions['clock']
  readonly report: NonNullable<ActiveOptions['report']>
  readonly isAttached: () => boolean
  readonly isBreaking: () => boolean
}
