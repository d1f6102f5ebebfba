/** How a command is started: as whom, how nice, with which limits, in which control group. */

import { beginStart, tagVariable } from './process-tags.ts'
import { findUser } from './users.ts'
import type { RunOptions } from './world.ts'

export type Command = {
  readonly file: string
  readonly arguments: readonly string[]
  readonly environment: NodeJS.ProcessEnv
}
type Argv = readonly [string, ...string[]]
type StartOptions = Pick<RunOptions, 'environment' | 'user' | 'nice' | 'limits' | 'tag'>

// dash names the number of processes p where others name it u.
const setLimit = (letter: string, value: number | 'unlimited'): string =>
  letter === 'u'
    ? `ulimit -u ${value} 2>/dev/null || ulimit -p ${value} || exit 126`
    : `ulimit -${letter} ${value} || exit 126`

/**
 * A small shell does what must happen in the new process before the command: join the control group before anything
 * can fork away, then set limits while still privileged, then become the user. Nothing of it is needed for a plain
 * command, which is started directly.
 * @throws UserUnknown
 */
export const commandOf = async (argv: Argv, options: StartOptions): Promise<Command> => {
  const environment: NodeJS.ProcessEnv = { ...process.env, ...options.environment }
  const steps: string[] = []
  const prefix: string[] = []
  if (options.nice) prefix.push('nice', '-n', String(options.nice))
  if (options.user !== undefined) {
    const { name, uid, gid, home } = await findUser(options.user)
    if (uid !== process.getuid?.()) prefix.push('setpriv', `--reuid=${uid}`, `--regid=${gid}`, '--init-groups', '--')
    Object.assign(environment, { USER: name, LOGNAME: name, HOME: home })
  }
  for (const [letter, value] of Object.entries(options.limits ?? {})) steps.push(setLimit(letter, value))
  if (options.tag !== undefined) environment[tagVariable] = options.tag
  // Last, since from here on the start is counted.
  const group = options.tag === undefined ? null : beginStart(options.tag)
  if (group === null && steps.length === 0) {
    const [file, ...rest] = [...prefix, ...argv]
    return { file: file ?? argv[0], arguments: rest, environment }
  }
  const join = group === null ? [] : ['{ echo 0 > "$0"; } 2>/dev/null']
  const script = [...join, ...steps, 'exec "$@"'].join('\n')
  return { file: '/bin/sh', arguments: ['-c', script, group ?? 'sh', ...prefix, ...argv], environment }
}
