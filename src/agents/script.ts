/** Scripts of the configuration: a shell command line, or a whole script beginning with `#!`. */
import type { World } from '../world/world.ts'

export type Script = {
  readonly text: string
  /** Where a whole script is kept while it may be needed. */
  readonly path: string
  readonly user: string | undefined
}

/** The command that runs it. A whole script becomes a file that only its user may read. @throws when it cannot be written */
export const commandOfScript = async (world: World, script: Script): Promise<readonly [string, ...string[]]> => {
  if (!script.text.startsWith('#!')) return ['/bin/sh', '-c', script.text]
  await world.files.write(script.path, script.text, { mode: 0o700, owner: script.user })
  return [script.path]
}
