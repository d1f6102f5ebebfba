/** Keys of a cluster, made by the product itself; once per test file and number of servers, since they take time. */
import { execFile } from 'node:child_process'
import { cp, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'

const execute = promisify(execFile)

export const baton = new URL('../../../bin/baton', import.meta.url).pathname

const made = new Map<string, Promise<string>>()

/** Puts the kit of a voter where its agent looks for it, with this configuration to begin with. */
export const installKit = async (
  voter: string,
  stateDirectory: string,
  { voters, configuration }: { readonly voters: readonly string[]; readonly configuration: string },
): Promise<void> => {
  const key = voters.join()
  const kits = made.get(key) ?? makeKits(configuration)
  made.set(key, kits)
  const target = join(stateDirectory, 'kit')
  await cp(join(await kits, voter), target, { recursive: true })
  await writeFile(join(target, 'cluster.yaml'), configuration)
}

const makeKits = async (configuration: string): Promise<string> => {
  const directory = await mkdtemp(join(tmpdir(), 'baton-kits-'))
  const file = join(directory, 'cluster.yaml')
  await writeFile(file, configuration)
  await execute(baton, ['cluster', 'create', '--config', file, '--out', join(directory, 'kits')])
  return join(directory, 'kits')
}

/** For the end of a test file. */
export const removeKits = async (): Promise<void> => {
  for (const kits of made.values()) await rm(join(await kits, '..'), { recursive: true, force: true })
  made.clear()
}
