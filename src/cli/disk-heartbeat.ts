/** `baton disk-heartbeat …`: prepares a partition for beats, and shows what is on it. */

import { namePattern } from '../events/ids.ts'
import type { AddCommands } from './deps.ts'
import { CommandFailed, type Deps, exitCode } from './deps.ts'
import { examples, printJson, type StateOption, withState } from './options.ts'
import { mustConfirm } from './send.ts'
import { row, table } from './table.ts'

type InitOptions = StateOption & { readonly cluster?: string; readonly force?: boolean; readonly yes?: boolean }
type ShowOptions = StateOption & { readonly json?: boolean }

export const addDiskHeartbeat: AddCommands = (program, deps) => {
  const disk = program
    .command('disk-heartbeat')
    .summary('prepare and show a heartbeat disk')
    .description('Beats over a partition of a shared disk.')
  const init = withState(disk.command('init <device>'), deps)
    .description(
      'Prepares a partition for beats, once, on one server. Refuses what carries a file system, a partition table, LVM, RAID or the beats of another cluster, and what is in use. Asks first.',
    )
    .option('--cluster <name>', 'the cluster it is for; otherwise that of this machine')
    .option('--force', 'overwrite what it carries')
    .option('-y, --yes', 'do not ask')
  examples(init, 'baton disk-heartbeat init /dev/disk/by-id/scsi-1234-part1 --cluster demo').action(
    async (device: string, options: InitOptions) => await initialise(device, options, deps),
  )
  const show = withState(disk.command('show <device>'), deps)
    .description('Shows whose beats are on a heartbeat disk, read past every cache.')
    .option('--json', 'print JSON')
  examples(show, 'baton disk-heartbeat show /dev/disk/by-id/scsi-1234-part1').action(
    async (device: string, options: ShowOptions) => await showDisk(device, options, deps),
  )
}

const initialise = async (device: string, options: InitOptions, deps: Deps): Promise<void> => {
  const { prepareHeartbeatDisk } = await import('../agents/heartbeats/prepare-disk.ts')
  const { realWorld } = await import('../world/real.ts')
  const cluster = options.cluster ?? (await kitAt(options.state)).identity.cluster
  if (!namePattern.test(cluster))
    throw new CommandFailed(
      exitCode.usage,
      `"${cluster}" is not the name of a cluster`,
      'as in cluster: of its configuration',
    )
  const question = `Prepare ${device} for beats of the cluster ${cluster}? What is on it is lost.`
  const agree = () => mustConfirm(question, options, deps)
  const wish = { device, cluster, isForced: options.force === true, agree }
  const answer = await prepareHeartbeatDisk(realWorld(), wish).catch(failsOn(device))
  if ('refused' in answer) throw new CommandFailed(exitCode.refused, `refused: ${answer.refused}`, answer.possible)
  await deps.print(`${deps.colours.green('done')}: ${device} is a heartbeat disk of ${cluster} (id ${answer.id})\n`)
  await deps.print('  now enter it as diskHeartbeat of every server, by the name it has there, and apply that\n')
}

const showDisk = async (device: string, options: ShowOptions, deps: Deps): Promise<void> => {
  const { readHeartbeatDisk } = await import('../agents/heartbeats/prepare-disk.ts')
  const { realWorld } = await import('../world/real.ts')
  const kit = await kitAt(options.state)
  const content = await readHeartbeatDisk(realWorld(), device, kit).catch(failsOn(device))
  if ('refused' in content) throw new CommandFailed(exitCode.failed, content.refused, content.possible)
  if (options.json) {
    await printJson(deps, content)
    return
  }
  await deps.print(`cluster ${content.cluster}, id ${content.id}\n`)
  const lines = content.slots.map(({ slot, server, state, beat }) =>
    row(
      String(slot),
      server,
      beat === null ? state : `beat ${beat.number} of incarnation ${beat.incarnation}`,
      beat === null ? '' : `generation ${beat.generation}${beat.renounced >= beat.generation ? ', renounced' : ''}`,
    ),
  )
  for (const line of table([row('SLOT', 'SERVER', 'HOLDS', ''), ...lines])) await deps.print(`${line}\n`)
  await deps.print('A slot keeps its last beat for ever: look twice to see who is alive.\n')
}

/** What the system says names no device. */
const failsOn =
  (device: string) =>
  (cause: unknown): never => {
    if (cause instanceof CommandFailed) throw cause
    const because = cause instanceof Error ? cause.message : String(cause)
    throw new CommandFailed(
      exitCode.failed,
      `${device}: ${because}`,
      'name a partition of a disk, as in /dev/disk/by-id',
      {
        cause,
      },
    )
  }

const kitAt = async (state: string) => {
  const { readVoterKit } = await import('../agents/voter/voter-kit.ts')
  const { placesIn } = await import('../agents/node.ts')
  const { realFiles } = await import('../world/files.ts')
  try {
    return await readVoterKit(realFiles, placesIn(state).kit)
  } catch (cause) {
    const because = cause instanceof Error ? cause.message : String(cause)
    throw new CommandFailed(exitCode.usage, because, 'run it on a server, or name its directory with --state', {
      cause,
    })
  }
}
