/** ICMP echo (RFC 792, RFC 4443) without a process per question. */
import { randomBytes } from 'node:crypto'
import { internetChecksum } from './checksum.ts'
import { realClock } from './clock.ts'
import { addressBytes, addressText } from './ip-address.ts'
import { closeDescriptor, openSocket, receiveFrom, sendTo, setSocketOption } from './libc.ts'
import { NetworkTrouble } from './network-trouble.ts'
import { realProcesses } from './processes.ts'
import { onReadable } from './readiness.ts'
import type { Cancel, Network } from './world.ts'

const family = {
  4: { domain: 2, protocol: 1, request: 8, reply: 0, addressAt: 4, addressBytes: 4 },
  6: { domain: 10, protocol: 58, request: 128, reply: 129, addressAt: 8, addressBytes: 16 },
} as const
type Version = keyof typeof family

const datagramType = 2
const rawType = 3
const headerBytes = 8
// Tells our answers from those to others that use the same number.
const tokenBytes = 8
// One lost packet must not look like a dead machine.
const attempts = 3

const socketAddress = (version: Version, bytes: Buffer): Buffer => {
  const { domain, addressAt } = family[version]
  const address = Buffer.alloc(version === 4 ? 16 : 28)
  address.writeUInt16LE(domain, 0)
  address.set(bytes, addressAt)
  return address
}

type Asking = { readonly fd: number; readonly isRaw: boolean }

/** Unasked answers are kept from a raw socket by ICMP_FILTER (raw(7)) or ICMP6_FILTER (RFC 3542): a set bit blocks. */
const onlyReplies = (fd: number, version: Version): void => {
  const { reply } = family[version]
  const blocked = Buffer.alloc(version === 4 ? 4 : 32, 0xff)
  const word = Math.floor(reply / 32) * 4
  blocked.writeUInt32LE((blocked.readUInt32LE(word) & ~(1 << (reply % 32))) >>> 0, word)
  setSocketOption(fd, version === 4 ? 255 : 58, 1, blocked)
}

/** A raw socket, else the kernel's own for the unprivileged, else null. */
const openEchoSocket = (version: Version): Asking | null => {
  const { domain, protocol } = family[version]
  for (const type of [rawType, datagramType]) {
    try {
      const fd = openSocket(domain, type, protocol)
      if (type === rawType) onlyReplies(fd, version)
      return { fd, isRaw: type === rawType }
    } catch {
      // Not permitted, or the family is not there: the next way.
    }
  }
  return null
}

const requestOf = (version: Version, token: Buffer): Buffer => {
  const bytes = Buffer.alloc(headerBytes + tokenBytes)
  bytes.writeUInt8(family[version].request, 0)
  bytes.set(token.subarray(0, 2), 4)
  bytes.set(token, headerBytes)
  // For IPv6 the kernel knows the source address, and therefore the sum.
  if (version === 4) bytes.writeUInt16BE(internetChecksum(bytes), 2)
  return bytes
}

/** Who answered with our token; null for anything else. */
const replierOf = (version: Version, socket: Asking, token: Buffer): string | null | 'nothing' => {
  const received = receiveFrom(socket.fd, Buffer.alloc(2048))
  if (received === null) return 'nothing'
  const { bytes, from } = received
  const { reply, addressAt, addressBytes: size } = family[version]
  // A raw IPv4 socket hands out the IP header too.
  const start = version === 4 && socket.isRaw ? ((bytes[0] ?? 0) & 15) * 4 : 0
  if (bytes[start] !== reply) return null
  if (!bytes.subarray(start + headerBytes, start + headerBytes + tokenBytes).equals(token)) return null
  return addressText(from.subarray(addressAt, addressAt + size))
}

const ask = (version: Version, targets: readonly Buffer[], answered: (address: string) => void): Cancel | null => {
  const socket = openEchoSocket(version)
  if (socket === null) return null
  const token = randomBytes(tokenBytes)
  const request = requestOf(version, token)
  const stop = onReadable(socket.fd, () => {
    for (;;) {
      const replier = replierOf(version, socket, token)
      if (replier === 'nothing') return
      if (replier !== null) answered(replier)
    }
  })
  for (const target of targets) {
    try {
      sendTo(socket.fd, request, socketAddress(version, target))
    } catch {
      // No route, or filtered: it does not answer.
    }
  }
  return () => {
    stop()
    closeDescriptor(socket.fd)
  }
}

/** Machines that allow neither socket mostly have a privileged `ping`. */
const askByCommand = async (address: string, timeoutMs: number, signal?: AbortSignal): Promise<boolean> => {
  const seconds = String(Math.max(1, Math.ceil(timeoutMs / 1000)))
  const result = await realProcesses.run(['ping', '-n', '-c', '1', '-W', seconds, address], {
    timeoutMs,
    ...(signal && { signal }),
  })
  if (result.code === 127)
    throw new NetworkTrouble('neither an ICMP socket (needs CAP_NET_RAW) nor ping(8) is available')
  return result.code === 0
}

type Target = { readonly text: string; readonly bytes: Buffer; readonly version: Version }

const targetOf = (text: string): Target => {
  const bytes = addressBytes(text)
  if (bytes === null) throw new NetworkTrouble(`${text} is no address`)
  return { text, bytes, version: bytes.length === 4 ? 4 : 6 }
}

/** Asks all targets of one family; `attempts` times within the time-out. */
const answeringOf = (version: Version, targets: readonly Target[], timeoutMs: number, signal?: AbortSignal) =>
  new Promise<readonly string[]>((resolve, reject) => {
    const texts = new Map(targets.map(({ text, bytes }) => [addressText(bytes), text]))
    const found = new Set<string>()
    const cancels: Cancel[] = []
    const finish = (): void => {
      signal?.removeEventListener('abort', finish)
      for (const cancel of cancels.splice(0)) cancel()
      resolve([...found])
    }
    const answered = (address: string): void => {
      const text = texts.get(address)
      if (text !== undefined) found.add(text)
      if (found.size === texts.size) finish()
    }
    const again = (): boolean => {
      const silent = targets.filter(({ text }) => !found.has(text)).map(({ bytes }) => bytes)
      const stop = ask(version, silent, answered)
      if (stop) cancels.push(stop)
      return stop !== null
    }
    if (!again()) {
      const each = targets.map(async ({ text }) => ((await askByCommand(text, timeoutMs, signal)) ? [text] : []))
      Promise.all(each).then((lists) => resolve(lists.flat()), reject)
      return
    }
    for (let i = 1; i < attempts; i++) cancels.push(realClock.after((timeoutMs * i) / attempts, again))
    cancels.push(realClock.after(timeoutMs, finish))
    signal?.addEventListener('abort', finish)
    if (signal?.aborted) finish()
  })

/** See `Network.answering`. @throws NetworkTrouble when nobody can be asked, so that it is never taken for silence */
export const answering: Network['answering'] = async (addresses, timeoutMs, signal) => {
  const targets = addresses.map(targetOf)
  const lists = ([4, 6] as const).map((version) => {
    const ours = targets.filter((target) => target.version === version)
    return ours.length === 0 ? [] : answeringOf(version, ours, timeoutMs, signal)
  })
  return (await Promise.all(lists)).flat()
}
