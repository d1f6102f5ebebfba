/**
 * A break: this side goes on alone once the log has it. What its content is called then is saved before the log is asked:
 * after a crash in between, the log's word decides whether it is ours.
 */
import type { ClusterPartition } from '../cluster-partition.ts'
import type { DataGeneration } from '../generations.ts'
import { goneAlone } from './activation.ts'
import type { Asker } from './asker.ts'

export type BreakPort = {
  readonly partition: ClusterPartition
  readonly asker: Pick<Asker, 'askBreak'>
  readonly newGeneration: () => DataGeneration
  /** Runs it; trouble with a disk ends the service, and answers null. */
  readonly guard: <T>(run: () => T) => T | null
  readonly isStopped: () => boolean
  readonly refused: () => void
  /** The log has it, and so has the cluster partition. */
  readonly recorded: (because: string) => void
}

export class Break {
  /** The log is being asked whether this side may go on alone. */
  isUnderWay = false
  readonly #port: BreakPort

  constructor(port: BreakPort) {
    this.#port = port
  }

  readonly begin = (because: string): void => {
    const { partition, asker, newGeneration, guard, isStopped, refused } = this.#port
    this.isUnderWay = true
    const next = newGeneration()
    const saved = guard(() => {
      const { generations } = partition.state
      partition.save({ ...partition.state, generations: { ...generations, pending: next } })
      return true
    })
    if (!saved) return
    asker.askBreak(next, because, {
      answered: (answer) => {
        if (answer === 'refused') refused()
        else guard(() => this.#recorded(next, because))
      },
      isOver: isStopped,
    })
  }

  readonly #recorded = (generation: DataGeneration, because: string): void => {
    const { partition, recorded } = this.#port
    partition.save(goneAlone(partition.state, generation))
    this.isUnderWay = false
    recorded(because)
  }
}
