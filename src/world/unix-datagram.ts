/**
 * Datagrams to a UNIX socket, as syslog's /dev/log is one: Node has UNIX streams only. Through the system call they are
 * sent at once or not at all, so no child process (`logger`) is needed for each of them.
 */
import { bindSocket, closeDescriptor, errno, openSocket, receiveFrom, SystemCallFailed, sendTo } from './libc.ts'

export type UnixDatagrams = {
  /** `full`: the receiver has no room now. Never waits. @throws SystemCallFailed when nobody receives there. */
  readonly send: (path: string, bytes: Uint8Array) => 'sent' | 'full'
  readonly close: () => void
}

export const unixFamily = 1
const datagramType = 2
/** sockaddr_un: two bytes of family, then a path of at most 108 bytes with its terminator (unix(7)). */
const familyBytes = 2
const pathBytes = 108

/** struct sockaddr_un. */
export const unixAddress = (path: string): Buffer => {
  const name = Buffer.from(path)
  if (name.length >= pathBytes) throw new RangeError(`a socket path of ${name.length} bytes: ${path}`)
  const address = Buffer.alloc(familyBytes + name.length + 1)
  new Uint16Array(address.buffer, address.byteOffset, 1)[0] = unixFamily
  name.copy(address, familyBytes)
  return address
}

export const openUnixDatagrams = (): UnixDatagrams => {
  let descriptor: number | null = openSocket(unixFamily, datagramType, 0)
  return {
    send: (path, bytes) => {
      if (descriptor === null) return 'full'
      try {
        sendTo(descriptor, bytes, unixAddress(path))
        return 'sent'
      } catch (error) {
        if (error instanceof SystemCallFailed && error.errno === errno.EAGAIN) return 'full'
        throw error
      }
    },
    close: () => {
      if (descriptor !== null) closeDescriptor(descriptor)
      descriptor = null
    },
  }
}

export type UnixReceiver = {
  /** The next datagram that has arrived; null when there is none now. */
  readonly receive: () => Uint8Array | null
  readonly close: () => void
}

/** Receives at `path`, which must not exist yet. */
export const bindUnixDatagrams = (path: string): UnixReceiver => {
  const descriptor = openSocket(unixFamily, datagramType, 0)
  try {
    bindSocket(descriptor, unixAddress(path))
  } catch (error) {
    closeDescriptor(descriptor)
    throw error
  }
  const room = Buffer.alloc(65_536)
  return {
    receive: () => {
      const received = receiveFrom(descriptor, room)
      return received && Uint8Array.from(received.bytes)
    },
    close: () => closeDescriptor(descriptor),
  }
}
