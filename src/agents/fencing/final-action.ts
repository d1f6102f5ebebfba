/** F1: what a server does to itself as a last resort. Which command does it is a table, from the configuration. */
import type { Decision } from '../../decisions/decision.ts'
import type { Configuration, MachineAction, ServerName } from '../../events/index.ts'
import type { OrderedAction } from '../../projections/fencing.ts'
import type { State } from '../../projections/state.ts'
import type { Cancel, World } from '../../world/world.ts'
import type { Recorder } from '../log/recorder.ts'
import type { VoterStore } from '../voter/voter-store.ts'
import { within } from '../within.ts'

export type FinalActionParts = {
  readonly me: ServerName
  readonly recorder: Recorder
  /** On this machine's disk: the log may be away while an action is carried out, and fails. */
  readonly store: Pick<VoterStore, 'finalAction' | 'noteFinalAction'>
  readonly say: (what: string, fields: Readonly<Record<string, unknown>>) => void
  readonly wake: () => void
}

export type FinalActionRunner = { readonly tend: (state: State) => void; readonly stop: () => void }

/** A command that is to end this machine may take this long to say that it cannot. */
const commandMs = 60_000
/** A machine that still runs this long after the command was content has not been ended by it. */
const stillHereMs = 120_000
/** A disk that takes no note in this time holds up no last resort: it may be what failed. */
const noteMs = 1000

const stillHere = 'the machine still runs two minutes later'

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

export const finalActionRunner = (world: World, parts: FinalActionParts): FinalActionRunner => {
  const { me, recorder, store, say, wake } = parts
  let known: { readonly sequence: number; readonly until: number } | null = null
  let done: number | null = null
  let failure: Failure | null = null
  let cancel: Cancel = () => {}

  /** Resolves once it is on disk, or cannot be. */
  const note = (ordered: OrderedAction, because: string | null): Promise<void> =>
    store
      .noteFinalAction({ order: ordered.sequence, failed: because })
      .catch((trouble: unknown) => say('a final action could not be written down', { trouble: String(trouble) }))
  const failed = (ordered: OrderedAction, because: string): void => {
    say('a final action has failed', { action: ordered.action, because })
    failure = { of: ordered, because }
    void note(ordered, because)
    wake()
  }
  /** At every turn until the log has it: as long as it has not, the server counts as one that is being ended. */
  const tell = (): void => {
    if (failure === null) return
    const toTell = failure
    void recorder.submit('final action failed', (latest) => failing(latest, me, toTell))
  }
  /** An earlier agent of the same boot did it: it is not done again, and what came of it is told. */
  const goOnFrom = (ordered: OrderedAction, because: string | null): void => {
    done = ordered.sequence
    if (because !== null) failure = { of: ordered, because }
    else cancel = world.clock.after(stillHereMs, () => failed(ordered, stillHere))
    tell()
  }
  const carryOut = async (ordered: OrderedAction, commands: Configuration['finalActions']): Promise<void> => {
    const { action, because } = ordered
    const command = commandOfAction(action, commands)
    if (command === null) return failed(ordered, 'no command is configured for it')
    say('carrying out a final action', { action, because })
    await within(world, noteMs, note(ordered, null))
    const result = await world.processes.run(['/bin/sh', '-c', command], { timeoutMs: commandMs })
    if (result.code !== 0 || result.timedOut) {
      const said = result.stderr.trim().slice(0, 200)
      return failed(ordered, `its command ended with ${result.signal ?? `code ${result.code}`}: ${said}`)
    }
    cancel = world.clock.after(stillHereMs, () => failed(ordered, stillHere))
  }

  return {
    tend: (state) => {
      const ordered = state.fencing.finalActions[me]
      const commands = state.configuration.current?.finalActions
      // An order of before a restart of the machine is done: it was meant for that boot.
      if (!ordered || !commands || ordered.failed !== null || ordered.boot !== world.bootId()) return
      if (done === ordered.sequence) return tell()
      const noted = store.finalAction()
      if (noted?.order === ordered.sequence) return goOnFrom(ordered, noted.failed)
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

type Failure = { readonly of: OrderedAction; readonly because: string }

/** Null when the log knows of it, or the order is another by now. */
const failing = ({ fencing }: State, server: ServerName, { of, because }: Failure): Decision | null => {
  const ordered = fencing.finalActions[server]
  if (ordered?.sequence !== of.sequence || ordered.failed !== null) return null
  return {
    events: [{ type: 'FinalActionFailed', data: { server, action: of.action, because } }],
    because: {},
    causedBy: ordered.sequence,
  }
}

/** Groups that can still leave in order; those that failed here stay until the machine ends. */
const hasLeavingGroups = ({ groups }: State, me: ServerName): boolean =>
  Object.values(groups).some(
    ({ ownership }) => ownership.status === 'assigned' && ownership.server === me && ownership.phase !== 'failed',
  )
