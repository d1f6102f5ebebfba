/** A heartbeat disk from outside: prepared once, and read by people. */
import { voterName } from '../../events/index.ts'
import type { RawDisk, World } from '../../world/world.ts'
import type { VoterKit } from '../voter/voter-kit.ts'
import { agreementOfMembers, compactCodec } from './compact-beat.ts'
import {
  formatSuperblock,
  leastDiskBytes,
  readSlot,
  readSuperblock,
  slotBytes,
  slotCount,
  slotOffset,
  slotOwners,
} from './disk-layout.ts'

export type Refused = { readonly refused: string; readonly possible: string }
const refuse = (refused: string, possible: string): Refused => ({ refused, possible })

/** A disk that does not answer must not hang the command line for ever. */
const probeMs = 30_000

type DiskWorld = Pick<World, 'rawDisks' | 'processes' | 'random' | 'files' | 'authenticate' | 'digest'>

type Preparation = {
  readonly device: string
  readonly cluster: string
  readonly isForced: boolean
  /** Called when nothing speaks against it, before anything is written; what it throws ends it. */
  readonly agree: () => Promise<void>
}

export const prepareHeartbeatDisk = async (
  world: DiskWorld,
  { device, cluster, isForced, agree }: Preparation,
): Promise<Refused | { readonly id: string }> => {
  const disk = await openDisk(world, device, { exclusive: true })
  if ('refused' in disk) return disk
  try {
    if (disk.sizeBytes < leastDiskBytes)
      return refuse(`${device} has ${disk.sizeBytes} bytes of the ${leastDiskBytes} needed`, 'use a larger partition')
    const known = readSuperblock(await disk.read(0, slotBytes))
    const carried = known === 'none' ? await carriedBy(world, device) : ofKnown(known, cluster)
    if (carried !== null && !isForced)
      return refuse(`${device} ${carried}`, 'make sure of the device; --force overwrites what it carries')
    await agree()
    if (carried !== null && known === 'none') {
      const trouble = await wipe(world, device)
      if (trouble !== null) return trouble
    }
    const id = world.random.id()
    // The superblock comes last: a disk that was prepared half is none.
    for (let slot = 0; slot < slotCount; slot++) await disk.write(slotOffset(slot), new Uint8Array(slotBytes))
    await disk.write(0, formatSuperblock({ cluster, id }))
    await disk.sync()
    return { id }
  } finally {
    await disk.close()
  }
}

const ofKnown = (known: Exclude<ReturnType<typeof readSuperblock>, 'none'>, cluster: string): string => {
  if (typeof known === 'string') return `is a heartbeat disk, whose superblock is ${known}`
  return known.cluster === cluster
    ? `is a heartbeat disk of ${cluster} already (id ${known.id})`
    : `is a heartbeat disk of the cluster ${known.cluster}`
}

/** What else is on it, as libblkid sees it; null = nothing that it knows. */
const carriedBy = async (world: DiskWorld, device: string): Promise<string | null> => {
  const { code, stdout, stderr } = await world.processes.run(['blkid', '-p', '-o', 'export', device], {
    timeoutMs: probeMs,
  })
  const values = new Map(stdout.split('\n').flatMap((line) => (line.includes('=') ? [pairOf(line)] : [])))
  const type = values.get('TYPE')
  const tableType = values.get('PTTYPE')
  if (type !== undefined) return `carries ${type}`
  if (tableType !== undefined) return `carries a partition table (${tableType})`
  const nothingFound = 2
  if (code === nothingFound) return null
  if (code === 0) return 'carries something that blkid knows'
  const why = stderr.trim() === '' ? `blkid ended with ${code}` : stderr.trim()
  return `cannot be looked at: ${why}`
}

const pairOf = (line: string): [string, string] => {
  const at = line.indexOf('=')
  return [line.slice(0, at), line.slice(at + 1)]
}

/** Signatures stand in more places than those that are overwritten: at the end of the disk, for one. */
const wipe = async (world: DiskWorld, device: string): Promise<Refused | null> => {
  const { code, stderr } = await world.processes.run(['wipefs', '--all', '--force', device], { timeoutMs: probeMs })
  return code === 0 ? null : refuse(`${device} could not be wiped: ${stderr.trim()}`, 'wipe it by hand (wipefs --all)')
}

export type SlotContent = {
  readonly slot: number
  readonly server: string
  readonly state: 'beat' | 'empty' | 'damaged' | 'foreign' | 'forged' | 'differing'
  readonly beat: {
    readonly incarnation: number
    readonly number: number
    readonly generation: number
    readonly renounced: number
    readonly sequence: number
  } | null
}
export type DiskContent = { readonly cluster: string; readonly id: string; readonly slots: readonly SlotContent[] }

export const readHeartbeatDisk = async (
  world: DiskWorld,
  device: string,
  { identity, clusterKey }: Pick<VoterKit, 'identity' | 'clusterKey'>,
): Promise<Refused | DiskContent> => {
  const disk = await openDisk(world, device)
  if ('refused' in disk) return disk
  try {
    const known = readSuperblock(await disk.read(0, slotBytes))
    if (known === 'none') return refuse(`${device} is no heartbeat disk`, 'prepare it: baton disk-heartbeat init')
    if (typeof known === 'string')
      return refuse(`the superblock of ${device} is ${known}`, 'prepare it anew: baton disk-heartbeat init --force')
    const servers = slotOwners(identity.voters.filter(({ role }) => role === 'server'))
    const networks = identity.voters.map(({ addresses }) => Object.keys(addresses))
    const voters = identity.voters.map(({ name }) => voterName(name))
    const agreement = agreementOfMembers(identity.cluster, voters, [...new Set(networks.flat())])
    const codec = compactCodec(world, agreement, { key: clusterKey, groups: () => [] })
    const slots: SlotContent[] = []
    for (const [slot, server] of servers.entries()) {
      const content = readSlot(await disk.read(slotOffset(slot), slotBytes))
      const beat = typeof content === 'string' ? content : codec.decode(content)
      if (typeof beat === 'string') slots.push({ slot, server, state: beat, beat: null })
      else {
        const { incarnation, number, generation, renounced, sequence } = beat
        slots.push({ slot, server, state: 'beat', beat: { incarnation, number, generation, renounced, sequence } })
      }
    }
    return { ...known, slots }
  } finally {
    await disk.close()
  }
}

const openDisk = async (
  { rawDisks }: DiskWorld,
  device: string,
  options?: { readonly exclusive?: boolean },
): Promise<RawDisk | Refused> => {
  try {
    return await rawDisks.open(device, options)
  } catch (trouble) {
    const code = trouble instanceof Error && 'code' in trouble ? String(trouble.code) : ''
    if (code === 'EBUSY') return refuse(`${device} is mounted, or part of something`, 'use a partition that is free')
    const because = trouble instanceof Error ? trouble.message : String(trouble)
    return refuse(`${device} cannot be opened: ${because}`, 'name a block device that this user may write')
  }
}
