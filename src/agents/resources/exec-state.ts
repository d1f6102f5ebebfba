/** What is known of a started exec resource, kept beside its log so that a restarted agent finds its processes again. */
import { z } from 'zod'
import type { GroupName, ResourceName } from '../../events/index.ts'
import type { ProcessIdentity, World } from '../../world/world.ts'

/** Names one exec resource of one server. */
export type ExecPlace = {
  readonly group: GroupName
  readonly resource: ResourceName
  readonly logDirectory: string
  readonly instance: string
}

const schema = z.object({
  boot: z.string(),
  /** `starting`: the start script was begun; whether it did anything is not known. */
  phase: z.enum(['starting', 'started']),
  mode: z.enum(['resident', 'run-to-end']),
  /** The resident process. */
  main: z.object({ pid: z.number(), startTicks: z.number() }).nullable(),
})
export type ExecState = Omit<z.output<typeof schema>, 'boot' | 'main'> & { readonly main: ProcessIdentity | null }

/** The tag of all its processes; the same for every epoch, so that leftovers of an earlier one are seen. */
export const execTag = ({ instance, group, resource }: ExecPlace): string => `${instance}.${group}.${resource}`

export const execPaths = ({ logDirectory, group, resource }: ExecPlace) => {
  const base = `${logDirectory}/${group}.${resource}`
  return { log: `${base}.log`, state: `${base}.state`, start: `${base}.start`, stop: `${base}.stop` }
}

/** Null when it was not started in this boot of the machine; what cannot be read counts as that. */
export const readExecState = async (world: World, place: ExecPlace): Promise<ExecState | null> => {
  const text = await world.files.read(execPaths(place).state)
  if (text === null) return null
  try {
    const state = schema.parse(JSON.parse(text))
    return state.boot === world.bootId() ? state : null
  } catch {
    return null
  }
}

export const writeExecState = (world: World, place: ExecPlace, state: ExecState): Promise<void> =>
  world.files.write(execPaths(place).state, JSON.stringify({ boot: world.bootId(), ...state }))
