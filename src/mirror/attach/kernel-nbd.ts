/**
 * The kernel's nbd, told by netlink (linux/nbd-netlink.h) what to do: the kernel itself chooses a free device, and keeps
 * the name that we give it, so that neither can be mixed up with another user's. Nothing here asks the server.
 */
import { askFamily, familyOf } from '../../world/generic-netlink.ts'
import { errno, SystemCallFailed } from '../../world/libc.ts'
import { attribute } from '../../world/netlink.ts'

const command = { connect: 1, disconnect: 2, reconfigure: 3 }
const of = { index: 1, sizeBytes: 2, blockBytes: 3, serverFlags: 5, sockets: 7, name: 10 }
const socketOf = { item: 1, descriptor: 1 }

export type NbdDevice = {
  /** Shown by /sys/block/nbdN/backend as long as anybody has the device open. */
  readonly name: string
  readonly sizeBytes: number
  readonly blockBytes: number
}

export const hasKernelNbd = (): boolean => familyOf('nbd') !== null

/**
 * Makes a device of a socket on which all is agreed with the server; the number of the device. There is no time limit for
 * requests: a server may take its time, as long as it lives. @throws SystemCallFailed
 */
export const connectDevice = (
  socket: number,
  { name, sizeBytes, blockBytes, serverFlags }: NbdDevice & { readonly serverFlags: number },
): number => {
  const said = ordered(command.connect, [
    long(of.sizeBytes, sizeBytes),
    long(of.blockBytes, blockBytes),
    long(of.serverFlags, serverFlags),
    attribute(of.sockets, attribute(socketOf.item, word(socketOf.descriptor, socket))),
    text(of.name, name),
  ])
  const index = said.get(of.index)
  if (index === undefined) throw new SystemCallFailed('nbd connect', errno.EINVAL)
  return index.readUInt32LE(0)
}

/**
 * Whoever waits for the device gets an I/O error; it is free once nobody has it open. Waits for a server that has not
 * taken what it is sent: one that hangs is ended first. @throws SystemCallFailed
 */
export const disconnectDevice = (index: number): void => {
  ordered(command.disconnect, [word(of.index, index)])
}

/** Whatever is mounted from it. @throws SystemCallFailed */
export const resizeDevice = (index: number, { name, sizeBytes, blockBytes }: NbdDevice): void => {
  ordered(command.reconfigure, [
    word(of.index, index),
    long(of.sizeBytes, sizeBytes),
    long(of.blockBytes, blockBytes),
    text(of.name, name),
  ])
}

const ordered = (what: number, attributes: readonly Buffer[]) => {
  const family = familyOf('nbd')
  if (family === null) throw new SystemCallFailed('nbd', errno.ENODEV)
  const { error, said } = askFamily({ family, command: what, attributes })
  if (error !== 0) throw new SystemCallFailed(`nbd ${Object.keys(command)[what - 1]}`, error)
  return said
}

const word = (type: number, value: number): Buffer => {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32LE(value, 0)
  return attribute(type, bytes)
}

const long = (type: number, value: number): Buffer => {
  const bytes = Buffer.alloc(8)
  bytes.writeBigUInt64LE(BigInt(value), 0)
  return attribute(type, bytes)
}

const text = (type: number, value: string): Buffer => attribute(type, Buffer.from(`${value}\0`))
