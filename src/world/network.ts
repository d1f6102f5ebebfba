import { answering } from './echo.ts'
import { addressBytes, addressText, macText } from './ip-address.ts'
import { closeDescriptor, errno, errorName, receiveFrom } from './libc.ts'
import { attribute, createOnly, dump, message, openNetlink, order } from './netlink.ts'
import { onReadable } from './readiness.ts'
import type { Network, NetworkAnswer, Nic, NicAddress } from './world.ts'

/** Numbers of rtnetlink(7) and netdevice(7). */
const linkBytes = 16
const addressHeaderBytes = 8
const linkAttribute = { hardwareAddress: 1, name: 3 }
const addressAttribute = { address: 1, local: 2, broadcast: 4, flags: 8 }
const nicFlag = { up: 0x1, loopback: 0x8, noArp: 0x80, lowerUp: 0x10000 }
const addressFlag = { noDetection: 0x02, duplicate: 0x08 }
const family4 = 2
const family6 = 10
// Multicast groups: links 1, IPv4 addresses 5, IPv6 addresses 9.
const changeGroups = 0x1 | 0x10 | 0x100

/** What only this folder needs to know of a NIC besides. */
export type KernelNic = Nic & { readonly index: number; readonly hasNeighbours: boolean }

/** @throws NetworkTrouble */
export const kernelNics = (): readonly KernelNic[] =>
  dump(message.getLink, linkBytes).map(({ header, attributes }) => {
    const flags = header.readUInt32LE(8)
    const hardwareAddress = attributes.get(linkAttribute.hardwareAddress) ?? Buffer.alloc(0)
    return {
      // Ends in a zero byte.
      name: (attributes.get(linkAttribute.name) ?? Buffer.alloc(1)).toString('utf8').replace(/\0$/, ''),
      index: header.readInt32LE(4),
      isUp: (flags & nicFlag.up) !== 0,
      hasCarrier: (flags & nicFlag.lowerUp) !== 0,
      mac: macText(hardwareAddress),
      hasNeighbours: (flags & (nicFlag.loopback | nicFlag.noArp)) === 0 && hardwareAddress.length === 6,
    }
  })

const addresses = (): readonly NicAddress[] => {
  const names = new Map(kernelNics().map(({ index, name }) => [index, name]))
  return dump(message.getAddress, addressHeaderBytes).flatMap(({ header, attributes }) => {
    // On a point-to-point link the other attribute is the peer's address.
    const bytes = attributes.get(addressAttribute.local) ?? attributes.get(addressAttribute.address)
    const nic = names.get(header.readUInt32LE(4))
    if (bytes === undefined || nic === undefined) return []
    const flags = attributes.get(addressAttribute.flags)?.readUInt32LE(0) ?? header.readUInt8(2)
    const duplicate = (flags & addressFlag.duplicate) !== 0
    return [{ nic, address: addressText(bytes), prefix: header.readUInt8(1), duplicate }]
  })
}

const broadcastOf = (bytes: Buffer, prefix: number): Buffer => {
  const hostMask = prefix === 0 ? 0xffffffff : 0xffffffff >>> prefix
  const broadcast = Buffer.alloc(4)
  broadcast.writeUInt32BE((bytes.readUInt32BE(0) | hostMask) >>> 0)
  return broadcast
}

const answerOf = (code: number): NetworkAnswer => {
  switch (code) {
    case 0:
      return 'done'
    case errno.EEXIST:
      return 'exists'
    case errno.EADDRNOTAVAIL:
      return 'missing'
    case errno.EPERM:
      return 'not-permitted'
    default:
      return { failed: errorName(code) }
  }
}

type Change = { readonly type: number; readonly flags: number }

const changeAddress = (change: Change, address: string, at: { prefix: number; nic: string }): NetworkAnswer => {
  const bytes = addressBytes(address)
  if (bytes === null) return { failed: `${address} is no address` }
  const nic = kernelNics().find(({ name }) => name === at.nic)
  if (nic === undefined)
    return change.type === message.deleteAddress ? 'missing' : { failed: `there is no NIC ${at.nic}` }
  const isV4 = bytes.length === 4
  const header = Buffer.alloc(addressHeaderBytes)
  header.writeUInt8(isV4 ? family4 : family6, 0)
  header.writeUInt8(at.prefix, 1)
  header.writeUInt8(isV4 ? 0 : addressFlag.noDetection, 2)
  header.writeUInt32LE(nic.index, 4)
  const parts = [header, attribute(addressAttribute.local, bytes), attribute(addressAttribute.address, bytes)]
  // Links of one or two hosts (RFC 3021) have no broadcast address.
  if (isV4 && at.prefix < 31) parts.push(attribute(addressAttribute.broadcast, broadcastOf(bytes, at.prefix)))
  return answerOf(order(change.type, change.flags, Buffer.concat(parts)))
}

const onNicChange: Network['onNicChange'] = (changed) => {
  let fd: number
  try {
    fd = openNetlink(changeGroups)
  } catch {
    return null
  }
  const into = Buffer.alloc(65_536)
  const stop = onReadable(fd, () => {
    while (receiveFrom(fd, into) !== null);
    changed()
  })
  let isOpen = true
  return () => {
    if (!isOpen) return
    isOpen = false
    stop()
    closeDescriptor(fd)
  }
}

/** NICs and addresses of this machine's network namespace, asked from the kernel without any process. */
export const realNetwork: Network = {
  nics: () => kernelNics().map(({ name, isUp, hasCarrier, mac }) => ({ name, isUp, hasCarrier, mac })),
  addresses,
  addAddress: (address, prefix, nic) =>
    changeAddress({ type: message.newAddress, flags: createOnly }, address, { prefix, nic }),
  removeAddress: (address, prefix, nic) =>
    changeAddress({ type: message.deleteAddress, flags: 0 }, address, { prefix, nic }),
  onNicChange,
  answering,
}
