/** Requests to the kernel's netlink; the routing one (rtnetlink(7)): what `ip` does, without a process for each question. */
import { bindSocket, closeDescriptor, openSocket, receiveFrom, sendTo } from './libc.ts'
import { NetworkTrouble } from './network-trouble.ts'

const netlinkFamily = 16
const rawType = 3
const routeProtocol = 0

/** Types and flags of rtnetlink(7). */
export const message = { newLink: 16, getLink: 18, newAddress: 20, deleteAddress: 21, getAddress: 22 }
const flag = { request: 1, acknowledge: 4, dump: 0x300 }
export const createOnly = 0x600
const answerError = 2
const answerDone = 3

export type Attributes = ReadonlyMap<number, Buffer>
/** The fixed part of a message, and its attributes by number. */
export type Entry = { readonly header: Buffer; readonly attributes: Attributes }

// More than the kernel puts into one part of a dump.
const partBytes = 65_536
const align = (size: number): number => (size + 3) & ~3
const headerBytes = 16

/** struct sockaddr_nl of the kernel, which joins the multicast groups when bound to. */
const socketAddress = (groups: number): Buffer => {
  const address = Buffer.alloc(12)
  address.writeUInt16LE(netlinkFamily, 0)
  address.writeUInt32LE(groups, 8)
  return address
}

/** A netlink socket that hears of changes. @throws SystemCallFailed */
export const openNetlink = (groups: number, protocol = routeProtocol): number => {
  const fd = openSocket(netlinkFamily, rawType, protocol)
  bindSocket(fd, socketAddress(groups))
  return fd
}

const withSocket = <T>(work: (fd: number) => T, protocol = routeProtocol): T => {
  const fd = openNetlink(0, protocol)
  try {
    return work(fd)
  } finally {
    closeDescriptor(fd)
  }
}

const send = (fd: number, type: number, flags: number, body: Buffer): void => {
  const header = Buffer.alloc(headerBytes)
  header.writeUInt32LE(headerBytes + body.length, 0)
  header.writeUInt16LE(type, 4)
  header.writeUInt16LE(flags | flag.request, 6)
  sendTo(fd, Buffer.concat([header, body]), socketAddress(0))
}

type Part = { readonly type: number; readonly body: Buffer }

/** The messages of one datagram. */
const partsOf = (bytes: Buffer): readonly Part[] => {
  const parts: Part[] = []
  for (let at = 0; at + headerBytes <= bytes.length; ) {
    const length = bytes.readUInt32LE(at)
    if (length < headerBytes) break
    parts.push({ type: bytes.readUInt16LE(at + 4), body: bytes.subarray(at + headerBytes, at + length) })
    at += align(length)
  }
  return parts
}

/** By number; those within another one, too. */
export const attributesOf = (bytes: Buffer): Attributes => {
  const attributes = new Map<number, Buffer>()
  for (let at = 0; at + 4 <= bytes.length; ) {
    const length = bytes.readUInt16LE(at)
    if (length < 4) break
    attributes.set(bytes.readUInt16LE(at + 2), bytes.subarray(at + 4, at + length))
    at += align(length)
  }
  return attributes
}

/** One attribute, padded. */
export const attribute = (type: number, value: Uint8Array): Buffer => {
  const bytes = Buffer.alloc(align(4 + value.length))
  bytes.writeUInt16LE(4 + value.length, 0)
  bytes.writeUInt16LE(type, 2)
  bytes.set(value, 4)
  return bytes
}

/** Everything of a kind. The kernel answers while we ask, so nothing is waited for. @throws NetworkTrouble */
export const dump = (type: number, fixedBytes: number): readonly Entry[] =>
  withSocket((fd) => {
    const entries: Entry[] = []
    send(fd, type, flag.dump, Buffer.alloc(fixedBytes))
    for (;;) {
      const received = receiveFrom(fd, Buffer.alloc(partBytes))
      if (received === null) throw new NetworkTrouble(`netlink request ${type}: no answer from the kernel`)
      for (const { type: kind, body } of partsOf(received.bytes)) {
        if (kind === answerDone) return entries
        if (kind === answerError) throw new NetworkTrouble(`netlink request ${type}: error ${-body.readInt32LE(0)}`)
        entries.push({ header: body.subarray(0, fixedBytes), attributes: attributesOf(body.subarray(fixedBytes)) })
      }
    }
  })

/** Orders something; 0, or the error number. @throws NetworkTrouble */
export const order = (type: number, flags: number, body: Buffer): number =>
  withSocket((fd) => {
    send(fd, type, flags | flag.acknowledge, body)
    const received = receiveFrom(fd, Buffer.alloc(partBytes))
    const answer = received && partsOf(received.bytes)[0]
    if (answer?.type !== answerError) throw new NetworkTrouble(`netlink request ${type}: no answer from the kernel`)
    return -answer.body.readInt32LE(0)
  })

/** Error number, 0 for none, and what came before that. */
export type Answer = { readonly error: number; readonly bodies: readonly Buffer[] }
/** More than the kernel says to any request of ours. */
const maxAnswers = 16

/** One request to another part of the kernel than routing, and all that it says to it at once. @throws NetworkTrouble */
export const ask = (protocol: number, type: number, body: Buffer): Answer =>
  withSocket((fd) => {
    const bodies: Buffer[] = []
    send(fd, type, flag.acknowledge, body)
    while (bodies.length < maxAnswers) {
      const received = receiveFrom(fd, Buffer.alloc(partBytes))
      if (received === null) break
      for (const part of partsOf(received.bytes)) {
        if (part.type === answerError) return { error: -part.body.readInt32LE(0), bodies }
        bodies.push(part.body)
      }
    }
    throw new NetworkTrouble(`netlink request ${type}: no answer from the kernel`)
  }, protocol)
