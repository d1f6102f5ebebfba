/** The losing side of a partition (N5): does what is configured for it, once, and says so. */
import { type LossAction, type LossFacts, losePartition } from '../../decisions/lose-partition.ts'
import type { Configuration, Event, ServerName } from '../../events/index.ts'
import type { World } from '../../world/world.ts'
import type { Say } from '../log/log-link.ts'
import type { NpWatch } from './np-watch.ts'

export type LossWatchParts = {
  readonly me: ServerName
  readonly configuration: () => Configuration | null
  readonly np: Pick<NpWatch, 'resolution' | 'verdictMs'>
  /** Puts it on the log, as soon as that can be written. */
  readonly note: (event: Event) => void
  readonly say: Say
}

export type LossWatch = {
  readonly look: (facts: Omit<LossFacts, 'verdict' | 'verdictMs'>) => void
}

/** Ending a machine in order takes its services' stopping; they are off by then, so this is generous. */
const performMs = 60_000

export const lossWatch = (world: World, { me, configuration, np, note, say }: LossWatchParts): LossWatch => {
  let isDone = false
  return {
    look: (facts) => {
      if (facts.leaseLostMs === null) isDone = false
      const current = configuration()
      if (isDone || current === null || current.npResolution.onLoss.action === 'none') return
      const { verdict, reasons } = np.resolution()
      const loss = losePartition({ ...facts, verdict, verdictMs: np.verdictMs() }, current.npResolution.onLoss)
      if (loss === null) return
      isDone = true
      const { action, practice } = loss
      say(practice ? 'a partition is lost: for practice nothing is done' : 'a partition is lost', { action, reasons })
      note({ type: 'PartitionLost', data: { server: me, action, practice, reasons: [...reasons] } })
      const command = practice ? null : commandOf(current, action)
      if (command !== null) perform(world, command, say)
    },
  }
}

/** Stopping the service needs none: everything is off, and the word on the log keeps it so until an operator starts it. */
const commandOf = ({ finalActions }: Configuration, action: LossAction): string | null => {
  switch (action) {
    case 'none':
    case 'stop-service':
      return null
    case 'os-shutdown':
      return finalActions.shutdown
    case 'os-reboot':
      return finalActions.reboot
    case 'panic':
      return finalActions.panic
    default:
      return action satisfies never
  }
}

const perform = (world: World, command: string, say: Say): void => {
  void world.processes.run(['/bin/sh', '-c', command], { timeoutMs: performMs }).then(({ code, stderr }) => {
    if (code !== 0) say('the action of a lost partition failed', { command, code, stderr: stderr.slice(0, 500) })
  })
}
