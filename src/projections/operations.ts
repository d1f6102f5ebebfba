/** What was asked, by whom, and what became of it: the latest requests. */
import type { Command, OperationId, OperatorEvent, Sequence, VoterName, WallTime } from '../events/index.ts'
import type { Moment } from './servers.ts'

export type Operation = {
  readonly id: OperationId
  readonly command: Command
  readonly by: string
  readonly from: VoterName
  readonly at: WallTime
  readonly sequence: Sequence
  readonly outcome: 'under-way' | 'refused' | 'done' | 'failed' | 'timed-out'
  readonly detail: string
  readonly possible: string
}
/** Oldest first. */
export type Operations = readonly Operation[]

/** Enough for a busy night at a glance; the whole history is on the log. */
const kept = 100

/** Folds one event; total. */
export const foldOperation = (operations: Operations, { type, data }: OperatorEvent, moment: Moment): Operations => {
  switch (type) {
    case 'OperationRequested': {
      const command: Command =
        data.command.do === 'apply-configuration' ? { ...data.command, source: '' } : data.command
      const operation: Operation = {
        id: data.operation,
        command,
        by: moment.by,
        from: data.from,
        at: moment.at,
        sequence: moment.sequence,
        outcome: 'under-way',
        detail: '',
        possible: '',
      }
      return [...operations.slice(1 - kept), operation]
    }
    case 'OperationRefused':
      return settle(operations, data.operation, { outcome: 'refused', detail: data.because, possible: data.possible })
    case 'OperationFinished':
      return settle(operations, data.operation, { outcome: data.outcome, detail: data.detail })
    case 'ServerStopOrdered':
    case 'ServerStartOrdered':
      return operations
    default:
      return type satisfies never
  }
}

const settle = (operations: Operations, id: OperationId, change: Partial<Operation>): Operations =>
  operations.map((operation) => (operation.id === id ? { ...operation, ...change } : operation))
