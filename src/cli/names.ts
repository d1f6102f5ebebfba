/** Names on the command line, as they travel to the agent. What does not exist is the agent's to refuse. */
import type { GroupName, MirrorName, MonitorName, ResourceName, ServerName, VoterName } from '../events/index.ts'
import { CommandFailed, exitCode } from './deps.ts'

const longest = 64

const checked = (kind: string, name: string): string => {
  if (name.length > 0 && name.length <= longest && !/[\s\p{Cc}]/u.test(name)) return name
  throw new CommandFailed(exitCode.usage, `"${name}" is no name of a ${kind}`)
}

// cast: brand constructors of their own, since those of src/events load the schemas, which takes longer than the command
export const groupNamed = (name: string): GroupName => checked('group', name) as GroupName
// cast: as above
export const resourceNamed = (name: string): ResourceName => checked('resource', name) as ResourceName
// cast: as above
export const monitorNamed = (name: string): MonitorName => checked('monitor', name) as MonitorName
// cast: as above
export const mirrorNamed = (name: string): MirrorName => checked('mirror', name) as MirrorName
// cast: as above
export const serverNamed = (name: string): ServerName => checked('server', name) as ServerName
// cast: as above
export const voterNamed = (name: string): VoterName => checked('voter', name) as VoterName

/** The server of an option that may be left out. */
export const maybeServer = (name: string | undefined): ServerName | null =>
  name === undefined ? null : serverNamed(name)
