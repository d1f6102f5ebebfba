/** F1: what a server does to itself as a last resort. Which command does it is a table, from the configuration. */
import type { Configuration, MachineAction, ServerName } from '../../events/index.ts'
import type { OrderedAction } from '../../projections/fencing.ts'
import type { State } from '../../projections/state.ts'
import type { Cancel, World } from '../../world/world.ts'
import type { Recorder } from '../log/recorder.ts'

export type FinalActionParts = {
  readonly me: ServerName
  readonly recorder: Recorder
  readonly say: (what: string, fields: Readonly<Record<string, unknown>>) => void
  readonly wake: () => void
}

export type FinalActionRunner = { readonly tend: (state: State) => void; readonly stop: () => void }

/** A command that is to end this machine may take this long to say that it cannot. */
const commandMs = 60_000
/** A machine that still runs this long after the command was content has not been ended by it. */
const stillHereMs = 120_000

/** The command behind an action; null where none is configured. */
export const commandOfAction = (action: MachineAction, commands: Configuration['finalActions']): string | null => {
  const table: Readonly<Record<MachineAction, string | undefined>> = {
    shutdown: commands.shutdown,
    reboot: commands.reboot,
    panic: commands.panic,
    'keepalive-reset': commands.keepaliveReset,
    'keepalive-panic': commands.keepalivePanic,
    'bmc-reset': commands.bmcReset,
    'bmc-off': commands.bmcOff,
    'bmc-cycle': commands.bmcCycle,
    'bmc-nmi': commands.bmcNmi,
  }
  return table[action] ?? null
}

/** Those that end the operating system in order wait until the other groups have left; the others are for when nothing works. */
const isOrderly = (action: MachineAction): boolean => action === 'shutdown' || action === 'reboot'

export const finalActionRunner = (world: World, { me, recorder, say, wake }: FinalActionParts): FinalActionRunner => {
  let known: { readonly sequence: number; readonly until: number } | null = null
  let done: number | null = null
  let failure: { readonly of: OrderedAction; readonly because: string } | null = null
  let cancel: Cancel = () => {}

  const failed = (ordered: OrderedAction, because: string): void => {
    say('a final action has failed', { action: ordered.action, because })
    failure = { of: ordered, because }
    wake()
  }
  /** At every turn until the log has it: as long as it has not, the server counts as one that is being ended. */
  const tell = (): void => {
    if (failure === null) return
    const { of, because } = failure
    void recorder.submit('final action failed', (latest) => {
      const ordered = latest.fencing.finalActions[me]
      if (ordered?.sequence !== of.sequence || ordered.failed !== null) return null
      return {
        events: [{ type: 'FinalActionFailed', data: { server: me, action: of.action, because } }],
        because: {},
        causedBy: ordered.sequence,
      }
    })
  }
  const carryOut = async (ordered: OrderedAction, commands: Configuration['finalActions']): Promise<void> => {
    const { action, because } = ordered
    const command = commandOfAction(action, commands)
    if (command === null) return failed(ordered, 'no command is configured for it')
    say('carrying out a final action', { action, because })
    const result = await world.processes.run(['/bin/sh', '-c', command], { timeoutMs: commandMs })
    if (result.code !== 0 || result.timedOut) {
      const said = result.stderr.trim().slice(0, 200)
      return failed(ordered, `its command ended with ${result.signal ?? `code ${result.code}`}: ${said}`)
    }
    cancel = world.clock.after(stillHereMs, () => failed(ordered, 'the machine still runs two minutes later'))
  }

  return {
    tend: (state) => {
      const ordered = state.fencing.finalActions[me]
      const commands = state.configuration.current?.finalActions
      // An order of before a restart of the machine is done: it was meant for that boot.
      if (!ordered || !commands || ordered.failed !== null || ordered.boot !== world.bootId()) return
      if (done === ordered.sequence) return tell()
      const now = world.clock.now()
      if (known?.sequence !== ordered.sequence) {
        known = { sequence: ordered.sequence, until: now + commands.wait }
        cancel()
        cancel = world.clock.after(commands.wait, wake)
      }
      if (isOrderly(ordered.action) && now < known.until && hasLeavingGroups(state, me)) return
      done = ordered.sequence
      cancel()
      void carryOut(ordered, commands)
    },
    stop: () => cancel(),
  }
}

/** Groups that can still leave in order; those that failed here stay until the machine ends. */
const hasLeavingGroups = ({ groups }: State, me: ServerName): boolean =>
  Object.values(groups).some(
    ({ ownership }) => ownership.status === 'assigned' && ownership.server === me && ownership.phase !== 'failed',
  )
