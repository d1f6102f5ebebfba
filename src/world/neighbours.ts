import { internetChecksum } from './checksum.ts'
import { realClock } from './clock.ts'
import { addressBytes, macText } from './ip-address.ts'
import { bindSocket, closeInBackground, openSocket, receiveFrom, sendTo, setSocketOption } from './libc.ts'
import { type KernelNic, kernelNics } from './network.ts'
import { NetworkTrouble } from './network-trouble.ts'
import { onReadable } from './readiness.ts'
import type { Cancel, Neighbours } from './world.ts'

const packetFamily = 17
const datagramType = 2
const rawType = 3
const arpProtocol = 0x0806
const ip6Protocol = 0x86dd
const everybody = Buffer.alloc(6, 0xff)
const allNodes = Buffer.from('ff020000000000000000000000000001', 'hex')

/** struct sockaddr_ll (packet(7)). */
const linkAddress = (protocol: number, nic: KernelNic, mac: Buffer): Buffer => {
  const address = Buffer.alloc(20)
  address.writeUInt16LE(packetFamily, 0)
  address.writeUInt16BE(protocol, 2)
  address.writeInt32LE(nic.index, 4)
  address.writeUInt8(mac.length, 11)
  address.set(mac, 12)
  return address
}

/**
 * Sends and receives whole packets of one protocol on one NIC. Opened for no protocol and then bound: the other order
 * makes the kernel wait for all processors, some 20 ms, and so does closing, which is therefore done in the background.
 * @throws SystemCallFailed
 */
const openPacketSocket = (protocol: number, nic: KernelNic): number => {
  const fd = openSocket(packetFamily, datagramType, 0)
  try {
    bindSocket(fd, linkAddress(protocol, nic, Buffer.alloc(6)))
    return fd
  } catch (error) {
    closeInBackground(fd)
    throw error
  }
}

let sender: number | undefined
/** One socket for all that is only sent; it hears nothing, so it may stay open. @throws SystemCallFailed */
const sendPacket = (packet: Buffer, to: Buffer): void => {
  sender ??= openSocket(packetFamily, datagramType, 0)
  sendTo(sender, packet, to)
}

const macBytes = (nic: KernelNic): Buffer => Buffer.from(nic.mac.replaceAll(':', ''), 'hex')
const nobody4 = Buffer.alloc(4)
const nobody6 = Buffer.alloc(16)
const arpRequest = 1
const arpReply = 2

/** An ARP packet for IPv4 over Ethernet (RFC 826). */
const arpPacket = (operation: number, nic: KernelNic, parts: { sender: Buffer; target: Buffer }): Buffer =>
  Buffer.concat([
    Buffer.from([0, 1, 8, 0, 6, 4, 0, operation]),
    macBytes(nic),
    parts.sender,
    operation === arpReply ? macBytes(nic) : Buffer.alloc(6),
    parts.target,
  ])

const solicitation = 135
const advertisement = 136
// "Override": whoever remembers another MAC for the address takes this one.
const override = 0x20

/**
 * An IPv6 packet with one neighbour discovery message (RFC 4861):
 * version and class 4, payload length 2, next header 1, hop limit 1, source 16, destination 16,
 * then type 1, code 1, checksum 2, flags 4, target 16 and perhaps the option that names our MAC.
 */
const discoveryPacket = (type: number, target: Buffer, ends: { source: Buffer; destination: Buffer; mac?: Buffer }) => {
  const option = ends.mac ? Buffer.concat([Buffer.from([2, 1]), ends.mac]) : Buffer.alloc(0)
  const flags = type === advertisement ? override : 0
  const body = Buffer.concat([Buffer.from([type, 0, 0, 0, flags, 0, 0, 0]), target, option])
  const tail = Buffer.from([0, 0, 0, body.length, 0, 0, 0, 58])
  body.writeUInt16BE(internetChecksum(ends.source, ends.destination, tail, body), 2)
  // Only packets that crossed no router, hop limit 255, are believed.
  const header = Buffer.from([0x60, 0, 0, 0, 0, body.length, 58, 255])
  return Buffer.concat([header, ends.source, ends.destination, body])
}

/** Every IPv6 node listens to the group made of its address's last 24 bits. */
const solicitedNode = (address: Buffer): Buffer =>
  Buffer.concat([Buffer.from('ff0200000000000000000001ff', 'hex'), address.subarray(13)])
const multicastMac = (group: Buffer): Buffer => Buffer.concat([Buffer.from([0x33, 0x33]), group.subarray(12)])

/** How to ask about one address, and to hear the answer. */
type Question = {
  readonly ask: () => void
  readonly listenOn: number
  /** The MAC that claims the address in this packet. */
  readonly claimed: (packet: Buffer) => string | null
  readonly close: () => void
}

const question4 = (address: Buffer, nic: KernelNic): Question => {
  const fd = openPacketSocket(arpProtocol, nic)
  // From nobody, so that asking changes nobody's table (RFC 5227, 2.1.1).
  const probe = arpPacket(arpRequest, nic, { sender: nobody4, target: address })
  return {
    ask: () => sendPacket(probe, linkAddress(arpProtocol, nic, everybody)),
    listenOn: fd,
    claimed: (packet) =>
      packet.length >= 28 && packet.subarray(14, 18).equals(address) ? macText(packet.subarray(8, 14)) : null,
    close: () => closeInBackground(fd),
  }
}

/** Hears neighbour advertisements only, on one NIC. */
const openAdvertisementSocket = (nic: KernelNic): number => {
  const fd = openSocket(10, rawType, 58)
  const blocked = Buffer.alloc(32, 0xff)
  blocked.writeUInt32LE((0xffffffff & ~(1 << (advertisement % 32))) >>> 0, Math.floor(advertisement / 32) * 4)
  setSocketOption(fd, 58, 1, blocked)
  const bindToDevice = 25
  setSocketOption(fd, 1, bindToDevice, Buffer.from(`${nic.name}\0`))
  return fd
}

const question6 = (address: Buffer, nic: KernelNic): Question => {
  const group = solicitedNode(address)
  const listenOn = openAdvertisementSocket(nic)
  // From nobody, as the kernel's own duplicate detection asks (RFC 4862, 5.4): the answer goes to all nodes.
  const probe = discoveryPacket(solicitation, address, { source: nobody6, destination: group })
  return {
    ask: () => sendPacket(probe, linkAddress(ip6Protocol, nic, multicastMac(group))),
    listenOn,
    claimed: (packet) =>
      packet.subarray(8, 24).equals(address) ? macText(packet.subarray(26, 32)) || 'unknown MAC' : null,
    close: () => closeInBackground(listenOn),
  }
}

const listen = (question: Question, own: ReadonlySet<string>, waitMs: number): Promise<string | null> =>
  new Promise((resolve, reject) => {
    const cancels: Cancel[] = []
    const finish = (settle: () => void): void => {
      for (const cancel of cancels.splice(0)) cancel()
      settle()
    }
    const ask = (): void => {
      try {
        question.ask()
      } catch (error) {
        finish(() => reject(error))
      }
    }
    cancels.push(
      onReadable(question.listenOn, () => {
        for (let packet = receiveFrom(question.listenOn, Buffer.alloc(2048)); packet !== null; ) {
          const mac = question.claimed(packet.bytes)
          if (mac !== null && !own.has(mac)) return finish(() => resolve(mac))
          packet = receiveFrom(question.listenOn, Buffer.alloc(2048))
        }
      }),
    )
    // Twice, for the packet that is lost.
    cancels.push(realClock.after(waitMs / 2, ask))
    cancels.push(realClock.after(waitMs, () => finish(() => resolve(null))))
    ask()
  })

const findNic = (name: string): { readonly nic: KernelNic; readonly own: ReadonlySet<string> } => {
  const nics = kernelNics()
  const nic = nics.find((candidate) => candidate.name === name)
  if (nic === undefined) throw new NetworkTrouble(`there is no NIC ${name}`)
  if (!nic.isUp) throw new NetworkTrouble(`NIC ${name} is down`)
  return { nic, own: new Set(nics.map(({ mac }) => mac)) }
}

const bytesOf = (address: string): Buffer => {
  const bytes = addressBytes(address)
  if (bytes === null) throw new NetworkTrouble(`${address} is no address`)
  return bytes
}

const troubleOf = (attempted: string, error: unknown): NetworkTrouble => {
  if (error instanceof NetworkTrouble) return error
  const because = error instanceof Error ? error.message : String(error)
  const hint = /EPERM|EACCES/.test(because) ? ' (needs CAP_NET_RAW)' : ''
  return new NetworkTrouble(`${attempted}: ${because}${hint}`, { cause: error })
}

const isTaken: Neighbours['isTaken'] = async (address, nicName, waitMs) => {
  try {
    const bytes = bytesOf(address)
    const { nic, own } = findNic(nicName)
    if (!nic.hasNeighbours) return null
    const question = bytes.length === 4 ? question4(bytes, nic) : question6(bytes, nic)
    try {
      return await listen(question, own, waitMs)
    } finally {
      question.close()
    }
  } catch (error) {
    throw troubleOf(`asking on ${nicName} who has ${address}`, error)
  }
}

const announce: Neighbours['announce'] = async (address, nicName) => {
  try {
    const bytes = bytesOf(address)
    const { nic } = findNic(nicName)
    if (!nic.hasNeighbours) return
    const protocol = bytes.length === 4 ? arpProtocol : ip6Protocol
    for (const { packet, mac } of announcements(bytes, nic)) sendPacket(packet, linkAddress(protocol, nic, mac))
  } catch (error) {
    throw troubleOf(`announcing ${address} on ${nicName}`, error)
  }
}

/** Some listeners take ARP news from requests only, some from replies only (RFC 5227, 3). */
const announcements = (address: Buffer, nic: KernelNic): readonly { packet: Buffer; mac: Buffer }[] => {
  if (address.length === 4) {
    const parts = { sender: address, target: address }
    return [arpRequest, arpReply].map((operation) => ({ packet: arpPacket(operation, nic, parts), mac: everybody }))
  }
  const ends = { source: address, destination: allNodes, mac: macBytes(nic) }
  return [{ packet: discoveryPacket(advertisement, address, ends), mac: multicastMac(allNodes) }]
}

/** ARP and neighbour discovery by packet sockets. */
export const realNeighbours: Neighbours = { isTaken, announce }
