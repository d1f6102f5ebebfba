/** `baton cluster create`: the keys of a new cluster, and a kit for every voter. */
import { mkdir, open, rename, rm } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { formatProblem } from '../decisions/check-configuration.ts'
import { checkFile } from './config-file.ts'
import { CommandFailed, type Deps, exitCode } from './deps.ts'

export const createCluster = async (
  { config, out }: { readonly config: string; readonly out: string },
  deps: Deps,
): Promise<void> => {
  const { configuration, warnings, source } = await checkFile(config)
  for (const warning of warnings) deps.complain(`${formatProblem(warning, config)}\n`)
  const { createClusterKeys, writeVoterKit } = await import('./create/cluster-keys.ts')
  const keys = await createClusterKeys(configuration)
  // Complete under its name, or not there: half a set of keys is worse than none.
  const partial = `${resolve(out)}.partial`
  await makeNew(out, partial)
  try {
    for (const { name } of keys.voters) {
      await writeVoterKit(join(partial, name), name, keys)
      await writeSecret(join(partial, name, 'cluster.yaml'), source)
    }
    await mkdir(join(partial, 'authority'), { mode: 0o700 })
    await writeSecret(join(partial, 'authority', 'ca.pem'), keys.authority.certificate)
    await writeSecret(join(partial, 'authority', 'ca.key'), keys.authority.key)
    await rename(partial, out)
  } catch (error) {
    await rm(partial, { recursive: true, force: true })
    throw error
  }
  await deps.print(nextSteps({ out, config, cluster: keys.cluster, voters: keys.voters }))
}

const makeNew = async (out: string, partial: string): Promise<void> => {
  const refuse = (because: string, cause: unknown) =>
    new CommandFailed(exitCode.usage, `${out} cannot be made: ${because}`, 'name a directory that does not exist yet', {
      cause,
    })
  try {
    // The name is taken and given back: what is there already, even empty, is never written to.
    await mkdir(out)
    await rm(out, { recursive: true })
    await mkdir(partial, { mode: 0o700 })
  } catch (cause) {
    const isThere = cause instanceof Error && 'code' in cause && cause.code === 'EEXIST'
    throw refuse(isThere ? 'it exists already' : cause instanceof Error ? cause.message : String(cause), cause)
  }
}

const writeSecret = async (path: string, content: string): Promise<void> => {
  await using file = await open(path, 'wx', 0o600)
  await file.writeFile(content)
  await file.sync()
}

type Created = {
  readonly out: string
  readonly config: string
  readonly cluster: string
  readonly voters: readonly { readonly name: string; readonly role: 'server' | 'witness' }[]
}

const nextSteps = ({ out, config, cluster, voters }: Created): string => {
  const copies = voters.map(({ name }) => `     scp -rp ${out}/${name} root@${name}:/var/lib/baton/kit`)
  const starts = voters.map(({ name, role }) => `     ssh root@${name} systemctl enable --now ${unitOf(role)}`)
  return `${[
    `cluster ${cluster}: kits for ${voters.map(({ name }) => name).join(', ')} are in ${out}`,
    '',
    'Next:',
    '  1. Copy each kit to its machine; it holds secrets of that machine:',
    ...copies,
    '  2. Start the agents:',
    ...starts,
    '  3. See everything come up, on any of them; the first to start puts the configuration in force:',
    '     baton status --watch',
    '',
    `From then on the configuration is on the log: change ${config}, then baton config apply ${config}.`,
    '',
    `Keep ${out}/authority in a safe place away from the servers: its key makes new members of the cluster.`,
  ].join('\n')}\n`
}

const unitOf = (role: 'server' | 'witness'): string =>
  role === 'server' ? 'baton-agent baton-server' : 'baton-witness'
