/** What an operator, or the agent, may order of the active side. Each answers null, or why it cannot be done. */
import type { ClusterPartition } from '../cluster-partition.ts'
import type { MirrorCondition } from './authority.ts'
import type { BringUp } from './bring-up.ts'
import type { DiskCare } from './disk-care.ts'
import type { Touched } from './touched.ts'
import type { VerifyOptions } from './verify.ts'

export type OperatorPort = {
  readonly condition: () => MirrorCondition
  /** Its map of marks is another one after the mirror has grown. */
  readonly partition: Pick<ClusterPartition, 'dirty' | 'state' | 'save'>
  readonly touched: Pick<Touched, 'takeWritten'>
  readonly bringUp: Pick<BringUp, 'isRunning' | 'more' | 'atOnce' | 'rememberSaves'>
  readonly care: Pick<DiskCare, 'verify'>
  /** This side's own disks are in use. */
  readonly isAttached: () => boolean
  /** Runs it; trouble with a disk ends the service, and answers null. */
  readonly guard: <T>(run: () => T) => T | null
  readonly breakNow: (because: string) => void
}

export class Operator {
  readonly #port: OperatorPort

  constructor(port: OperatorPort) {
    this.#port = port
  }

  /** This side goes on alone, and whoever holds the connection keeps it closed. */
  readonly part = (because: string): void => this.#port.breakNow(because)

  /**
   * What is marked is copied, or everything. While both sides count as equal the log has to know first that the other
   * is not: the connection begins anew after that.
   */
  readonly resync = (everything: boolean): string | null => {
    const { partition, bringUp, condition, guard, isAttached, breakNow } = this.#port
    const { dirty } = partition
    const { pair, because } = condition()
    if (pair === 'stopped') return `nothing is served: ${because}`
    if (!isAttached()) return `this side has no disk to copy from: ${because}`
    const isStored = guard(() => {
      if (everything) dirty.addAll()
      dirty.store()
      return true
    })
    if (!isStored) return condition().because
    if (bringUp.isRunning) bringUp.more()
    else if (pair === 'alone') bringUp.atOnce()
    else if (pair === 'paired' && dirty.marks.count > 0) breakNow('an operator has ordered a resync')
    return null
  }

  /** Raises the count of saves where something was written since: a backup of this copy from before tells itself by it (X5). */
  readonly stamp = (): string | null => {
    const { partition, touched, condition, guard, isAttached, bringUp } = this.#port
    const { pair, because } = condition()
    if (pair === 'stopped' || !isAttached()) return because
    const isSaved = guard(() => {
      if (!touched.takeWritten()) return true
      partition.save(partition.state)
      bringUp.rememberSaves()
      return true
    })
    return isSaved ? null : condition().because
  }

  /** D13. */
  readonly verify = (options: VerifyOptions): string | null => {
    const { pair, because } = this.#port.condition()
    if (pair !== 'paired') return `only a whole mirror is compared; this one is ${pair}: ${because}`
    this.#port.care.verify(options)
    return null
  }
}
