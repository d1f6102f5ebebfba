/** The last word of a server's agent, kept beside what runs: whoever starts next knows whether the one before died. */
import { z } from 'zod'
import type { ProcessIdentity, World } from '../world/world.ts'

/** `left`: on purpose, its guardian stays. `ended`: on purpose, its guardian ended with it. */
const trace = z.object({
  boot: z.string(),
  pid: z.int(),
  startTicks: z.number(),
  last: z.enum(['running', 'left', 'ended']),
})
type Last = z.infer<typeof trace>['last']

export type AgentTrace = {
  /** Null: there was none since the machine started. */
  readonly before: 'died' | 'left' | 'ended' | null
  readonly leave: (last: Exclude<Last, 'running'>) => Promise<void>
}

/** Reads it, and writes that this one runs. Not durable: nothing of it survives what would lose it. */
export const beginTrace = async (
  world: Pick<World, 'files' | 'bootId' | 'processes'>,
  path: string,
): Promise<AgentTrace> => {
  const write = (last: Last) =>
    world.files.write(path, JSON.stringify({ boot: world.bootId(), ...world.processes.own(), last }))
  const before = beforeOf(world, await world.files.read(path))
  // Where it cannot be written, a death goes untold.
  await write('running').catch(() => {})
  return { before, leave: write }
}

/** The agent that wrote it since the machine started, alive or not; null when it ended with its guardian, on purpose. */
export const agentInTrace = async (
  { files, bootId }: Pick<World, 'files' | 'bootId'>,
  path: string,
): Promise<ProcessIdentity | null> => {
  const found = trace.safeParse(parsed(await files.read(path)))
  if (!found.success || found.data.boot !== bootId() || found.data.last === 'ended') return null
  const { pid, startTicks } = found.data
  return { pid, startTicks }
}

const beforeOf = ({ bootId, processes }: Pick<World, 'bootId' | 'processes'>, text: string | null) => {
  const found = trace.safeParse(parsed(text))
  if (!found.success || found.data.boot !== bootId()) return null
  const { last, pid, startTicks } = found.data
  if (last !== 'running') return last
  return processes.isAlive({ pid, startTicks }) ? null : 'died'
}

const parsed = (text: string | null): unknown => {
  try {
    return text === null ? null : JSON.parse(text)
  } catch {
    return null
  }
}
