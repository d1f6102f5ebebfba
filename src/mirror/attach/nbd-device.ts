/**
 * The block device of a mirror disk by the kernel's nbd, on the socket of its data plane. Unlike a loop device it does
 * not end with the process behind it: who has waited for that when it died waits until the device is disconnected.
 */
import { closeDescriptor, connectSocket, openSocket, readNow, SystemCallFailed, writeNow } from '../../world/libc.ts'
import { unixAddress, unixFamily } from '../../world/unix-datagram.ts'
import type { ProcessIdentity } from '../../world/world.ts'
import { type Agreed, understand, wish } from '../nbd/client.ts'
import { connectDevice, disconnectDevice, hasKernelNbd, resizeDevice } from './kernel-nbd.ts'
import {
  type AttachFailure,
  type Attachment,
  type AttachOutcome,
  type AttachWorld,
  type DetachOutcome,
  failed,
  type Limit,
  late,
  nameOf,
  readOrNull,
  runner,
  sizeOf,
  waited,
} from './outcome.ts'

export type NbdDisk = {
  /** Where the data plane serves it. */
  readonly socket: string
  /** Of its process. No other mirror or server of this machine may have the same. */
  readonly tag: string
}
type Found = { readonly device: string; readonly name: string }

/** Says which mirror a device is of, and which process serves it: one that was started later does not. */
const nameFor = (tag: string, { pid, startTicks }: ProcessIdentity): string => `baton ${tag} ${pid} ${startTicks}`
const indexOf = (device: string): number => Number(nameOf(device).slice('nbd'.length))

/**
 * Waits for the disk to be served, and makes a device of it; what an earlier attempt left is taken away first. Finished
 * or given up within the limit.
 */
export const attachNbd = async (
  world: AttachWorld,
  { socket, tag, sizeBytes }: NbdDisk & { readonly sizeBytes: number },
  limit: Limit,
): Promise<Attachment> => {
  const lacks = await whatLacks(world, limit)
  if (lacks !== null) return lacks
  const left = await detachNbd(world, tag, limit)
  if (!left.ok) return left
  const [server] = await world.processes.members(tag)
  if (server === undefined) return failed(`nobody serves ${socket}`)
  const fd = openSocket(unixFamily, streamType, 0)
  try {
    const agreed = await agree(world, { fd, socket }, limit)
    if ('because' in agreed) return agreed
    if (agreed.sizeBytes !== sizeBytes)
      return failed(`${socket} has ${agreed.sizeBytes} bytes, the mirror ${sizeBytes}`)
    const name = nameFor(tag, server)
    const device = `/dev/nbd${connectDevice(fd, { ...agreed, name, serverFlags: agreed.flags })}`
    const trouble = await objection(world, { device, name, sizeBytes })
    if (trouble === null) return { ok: true, device, release: async () => undefined }
    disconnectDevice(indexOf(device))
    return trouble
  } catch (error) {
    if (error instanceof SystemCallFailed)
      return failed(`the nbd of the kernel does not take ${socket}: ${error.message}`)
    throw error
  } finally {
    // The kernel has its own hold of it by now.
    closeDescriptor(fd)
  }
}
const streamType = 1

/** Loads the module where that is left to do. */
const whatLacks = async (world: AttachWorld, limit: Limit): Promise<AttachFailure | null> => {
  if (hasKernelNbd()) return null
  const { code, stderr } = await runner(world, limit)(['modprobe', 'nbd'])
  if (code === 0 && hasKernelNbd()) return null
  const said = code === 0 ? 'not in this network namespace' : stderr.trim().split('\n').at(-1) || `modprobe: ${code}`
  return failed(`this kernel has no nbd (${said}): load the module nbd, or choose attach: block-file`)
}

type Asked = { readonly fd: number; readonly socket: string }

const agree = async (world: AttachWorld, { fd, socket }: Asked, limit: Limit): Promise<Agreed | AttachFailure> => {
  const until = world.clock.now() + limit.timeoutMs
  const connected = await waited(world, limit, async () => isConnected(fd, socket))
  if (connected === null) return late(`${socket} is not served`)
  writeNow(fd, wish())
  let heard = Buffer.alloc(0)
  const rest = { ...limit, timeoutMs: Math.max(1, until - world.clock.now()) }
  const understood = await waited(world, rest, async () => {
    const bytes = Buffer.alloc(mostSaid)
    const size = readNow(fd, bytes)
    if (size === 0) return { refused: 'it hangs up' }
    heard = Buffer.concat([heard, bytes.subarray(0, size ?? 0)])
    return heard.length > mostSaid ? { refused: 'it says too much' } : understand(heard)
  })
  if (understood === null) return late(`${socket} does not answer`)
  return 'refused' in understood ? failed(`${socket} is no disk: ${understood.refused}`) : understood
}
/** A greeting and a few answers. */
const mostSaid = 4096

/** Null: nobody listens there yet. */
const isConnected = (fd: number, socket: string): true | null => {
  try {
    connectSocket(fd, unixAddress(socket))
    return true
  } catch (error) {
    if (error instanceof SystemCallFailed) return null
    throw error
  }
}

const objection = async (
  world: AttachWorld,
  { device, name, sizeBytes }: Found & { readonly sizeBytes: number },
): Promise<AttachFailure | null> => {
  if ((await nameIn(world, nameOf(device))) !== name)
    return failed(`this kernel does not say whose ${device} is (Linux 5.14 does): choose attach: block-file`)
  const bytes = await sizeOf(world, device)
  return bytes === sizeBytes ? null : failed(`${device} has ${bytes} bytes, not ${sizeBytes}`)
}

const nameIn = (world: AttachWorld, name: string): Promise<string | null> =>
  readOrNull(world, `/sys/block/${name}/backend`)

const found = async (world: AttachWorld, tag: string): Promise<readonly Found[]> => {
  const all: Found[] = []
  for (const entry of await world.files.list('/sys/block')) {
    if (!entry.startsWith('nbd')) continue
    const name = await nameIn(world, entry)
    if (name?.startsWith(`baton ${tag} `)) all.push({ device: `/dev/${entry}`, name })
  }
  return all
}

/** The devices of this mirror now, also dead ones that somebody still has open; asks no server. */
export const nbdDevicesOf = async (world: AttachWorld, tag: string): Promise<readonly string[]> =>
  (await found(world, tag)).map(({ device }) => device)

/** Frees every device of this mirror. What is mounted from it has been unmounted before, or is lost now. */
export const detachNbd = async (world: AttachWorld, tag: string, limit: Limit): Promise<DetachOutcome> => {
  await cutOffNbd(world, tag)
  let last: readonly string[] = []
  const gone = await waited(world, limit, async () => {
    last = await nbdDevicesOf(world, tag)
    return last.length === 0 ? true : null
  })
  return gone ? { ok: true } : late(`${last.join(', ')} has been cut off, and is still in use`)
}

/**
 * Whoever waits for a device gets an I/O error. `orphans`: only those whose process is gone; the others only once that
 * process was ended, if it may hang: the kernel would wait for it.
 */
export const cutOffNbd = async (world: AttachWorld, tag: string, which: 'all' | 'orphans' = 'all'): Promise<void> => {
  const alive = which === 'all' ? [] : (await world.processes.members(tag)).map((one) => nameFor(tag, one))
  for (const { device, name } of await found(world, tag)) if (!alive.includes(name)) disconnectDevice(indexOf(device))
}

/** What it serves has grown to `sizeBytes`: so does the device, whatever is mounted from it. */
export const enlargeNbd = async (
  world: AttachWorld,
  { device, sizeBytes }: { readonly device: string; readonly sizeBytes: number },
): Promise<AttachOutcome> => {
  const queue = `/sys/block/${nameOf(device)}/queue/logical_block_size`
  const name = await nameIn(world, nameOf(device))
  const blockBytes = Number(await readOrNull(world, queue))
  if (name === null || blockBytes === 0) return failed(`${device} is attached no more`)
  try {
    resizeDevice(indexOf(device), { name, sizeBytes, blockBytes })
  } catch (error) {
    if (error instanceof SystemCallFailed) return failed(`${device} does not take its new size: ${error.message}`)
    throw error
  }
  const bytes = await sizeOf(world, device)
  return bytes === sizeBytes ? { ok: true, device } : failed(`${device} has ${bytes} bytes, not ${sizeBytes}`)
}
