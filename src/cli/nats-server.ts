/** Where the log server's program is. */
import { constants } from 'node:fs'
import { access } from 'node:fs/promises'
import { homedir } from 'node:os'
import { delimiter, join } from 'node:path'
import { CommandFailed, exitCode } from './deps.ts'

/** BATON_NATS_SERVER, else PATH, else where `ops/setup` unpacked it. @throws CommandFailed that says what to do */
export const findNatsServer = async (): Promise<string> => {
  const { BATON_NATS_SERVER, PATH, BATON_CACHE, XDG_CACHE_HOME } = process.env
  if (BATON_NATS_SERVER !== undefined) return BATON_NATS_SERVER
  const cache = BATON_CACHE ?? join(XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'baton')
  for (const directory of [...(PATH ?? '').split(delimiter), cache]) {
    const path = join(directory, 'nats-server')
    if (await isExecutable(path)) return path
  }
  throw new CommandFailed(
    exitCode.usage,
    'nats-server was not found',
    'install nats-server 2.12 or later, or set BATON_NATS_SERVER',
  )
}

const isExecutable = (path: string): Promise<boolean> =>
  access(path, constants.X_OK).then(
    () => true,
    () => false,
  )
