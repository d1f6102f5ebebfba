/** The kernel's end of a FUSE file system: mounted by descriptor, read in bursts, answered one by one. */
import { closeSync, constants, openSync, writeSync } from 'node:fs'
import { Socket, type SocketConstructorOpts } from 'node:net'
import { mount, readNow, SystemCallFailed } from '../../world/libc.ts'
import { alignedBytes, boundary } from '../aligned-memory.ts'
import { maxPayloadBytes, writePayloadAt } from './numbers.ts'

/** Room for the largest request; the kernel refuses to be read into less. */
const requestBytes = maxPayloadBytes + 4096
/** What is taken at once: four of the largest, or some thousand small ones. */
const burstBytes = 4 * requestBytes + 4096

export type FuseDevicePort = {
  /** Requests that came together; the bytes are overwritten by what comes next. */
  readonly received: (requests: readonly Buffer[]) => void
  /** Unmounted, aborted, or broken: nothing comes any more. Not after `close`. */
  readonly ended: (because: string) => void
}

export class FuseDevice {
  readonly #fd: number
  readonly #buffer: Buffer
  readonly #port: FuseDevicePort
  readonly #socket: Socket
  #isOpen = true

  /** Mounts a file system of one file over the file `path`. @throws SystemCallFailed when that is not permitted. */
  constructor(path: string, port: FuseDevicePort) {
    this.#port = port
    this.#buffer = alignedBytes(burstBytes)
    this.#fd = openSync('/dev/fuse', constants.O_RDWR | constants.O_NONBLOCK)
    try {
      mount('baton-mirror', path, 'fuse', `fd=${this.#fd},rootmode=100000,user_id=0,group_id=0,allow_other`)
      this.#socket = this.#listen()
    } catch (error) {
      closeSync(this.#fd)
      throw error
    }
  }

  /** Nobody is waiting any more when it is refused: the asker was killed, or the connection is over. */
  readonly answer = (reply: Uint8Array): void => {
    if (!this.#isOpen) return
    try {
      writeSync(this.#fd, reply)
    } catch {
      // The end of the connection is told where it is read from.
    }
  }

  /** Whoever still waits gets an I/O error, now. */
  readonly close = (): void => {
    if (!this.#isOpen) return
    this.#isOpen = false
    this.#socket.destroy()
  }

  /** Node polls only what it takes for a socket or a pipe; a pipe's handle takes any descriptor. */
  readonly #listen = (): Socket => {
    const handle = pipeHandleOf(this.#fd)
    const onread = { buffer: this.#buffer.subarray(firstPlace, firstPlace + requestBytes), callback: this.#readable }
    const options = { handle, onread, readable: true, writable: true, pauseOnCreate: true }
    // cast: Node's own servers make their sockets this way; the types know only handles of sockets that are not connected.
    const socket = new Socket(options as unknown as SocketConstructorOpts)
    let because = 'it was unmounted'
    socket.on('error', (error) => {
      because = error.message
    })
    socket.on('close', () => this.#ended(because))
    socket.resume()
    return socket
  }

  /** The first of a burst was read; as many more as there are and as there is room for. */
  readonly #readable = (length: number): boolean => {
    const requests = [this.#buffer.subarray(firstPlace, firstPlace + length)]
    try {
      for (let at = nextPlace(firstPlace + length); at + requestBytes <= burstBytes; ) {
        const room = this.#buffer.subarray(at, at + requestBytes)
        const more = readNow(this.#fd, room)
        if (more === null) break
        requests.push(room.subarray(0, more))
        at = nextPlace(at + more)
      }
    } catch (error) {
      if (!(error instanceof SystemCallFailed)) throw error
      // Told again by the next read of the stream.
    }
    this.#port.received(requests)
    return true
  }

  readonly #ended = (because: string): void => {
    if (!this.#isOpen) return
    this.#isOpen = false
    this.#port.ended(because)
  }
}

/** So that the bytes of a write lie on a boundary: direct I/O takes them from there, without a copy. */
const nextPlace = (end: number): number => Math.ceil((end + writePayloadAt) / boundary) * boundary - writePayloadAt
const firstPlace = nextPlace(0)

type PipeHandle = { readonly open: (fd: number) => number | undefined }
type PipeConstructor = new (type: number) => PipeHandle
const pipeOfSocket = 0

/** Node hands out this class with every unix socket, and nowhere else. */
const pipeHandleOf = (fd: number): PipeHandle => {
  const probe = new Socket()
  probe.on('error', () => {})
  probe.connect({ path: '/dev/null' })
  const found: unknown = Reflect.get(probe, '_handle')
  probe.destroy()
  if (typeof found !== 'object' || found === null) throw new Error('this Node.js has no handles of pipes to be had')
  // cast: an internal class; what it does not do is noticed when it is used.
  const handle = new (found.constructor as PipeConstructor)(pipeOfSocket)
  const failure = handle.open(fd)
  if (typeof failure === 'number' && failure !== 0) throw new Error(`/dev/fuse cannot be polled: ${failure}`)
  return handle
}
