/**
 * H3: beats over a serial cable between two servers, as compact beats in SLIP frames.
 *
 * A line of 19,200 baud is slow, so nothing is queued on it: while a beat is on the line only the newest that is to be
 * sent is kept, and sent when the line is free again. A line that cannot be opened, ends or takes nothing any more is
 * opened again after a pause, for as long as the configuration asks for it.
 */
import type { Beat } from '../../decisions/liveness.ts'
import { type PathName, pathName } from '../../events/index.ts'
import type { SerialLine, World } from '../../world/world.ts'
import { agreementOf, type CompactCodec, compactCodec } from './compact-beat.ts'
import { onceEach } from './once-each.ts'
import type { HeartbeatPath } from './path.ts'
import type { PathKind, PathParts } from './paths.ts'
import { slipFrame, slipReader } from './slip.ts'

export const comName = pathName('com')

/** Longer than any compact beat of two servers. */
const largestFrame = 4096
/** A cable that was pulled is not put back sooner; and a device that fails at once must not keep the agent busy. */
const reopenMs = 1000
/** No system needs so long to take a beat from us: something holds the line up. */
const stallMs = 5000
/** 8 bits, a start and a stop bit. */
const bitsPerByte = 10

/** The cable of this server, where it has one. */
export const comKind: PathKind = (world, configuration, parts) => {
  const device = configuration.servers.find(({ name }) => name === parts.kit.own.name)?.com
  if (device === undefined) return []
  const { baudRate } = configuration.heartbeat.com
  const agreement = agreementOf(configuration)
  const codec = compactCodec(world, agreement, { key: parts.kit.clusterKey, groups: parts.groups })
  const open = () => comPath(world, { device, baudRate, codec, parts })
  return [{ name: comName, from: { device, baudRate, agreement }, open }]
}

type ComOptions = {
  readonly device: string
  readonly baudRate: number
  readonly codec: CompactCodec
  readonly parts: Pick<PathParts, 'hear' | 'suspicious' | 'say'>
}

export const comPath = (world: Pick<World, 'clock' | 'serialLines'>, options: ComOptions): HeartbeatPath =>
  new ComPath(world, options)

class ComPath implements HeartbeatPath {
  readonly name: PathName = comName
  readonly #world: Pick<World, 'clock' | 'serialLines'>
  readonly #options: ComOptions
  readonly #tell: (what: string, fields?: Readonly<Record<string, unknown>>) => void
  #line: SerialLine | null = null
  #waiting: Beat | null = null
  /** From the moment a beat is handed to the system until the line has had the time to send it. */
  #isBusy = false
  /** Beats that a newer one has replaced before the line was free. */
  #skipped = 0
  #isClosed = false

  constructor(world: Pick<World, 'clock' | 'serialLines'>, options: ComOptions) {
    this.#world = world
    this.#options = options
    this.#tell = onceEach((what, fields) => options.parts.say(what, { device: options.device, ...fields }))
    void this.#open()
  }

  readonly send = (_: Uint8Array, beat: Beat): void => {
    if (this.#waiting !== null) this.#skipped += 1
    this.#waiting = beat
    this.#sendNext()
  }

  readonly close = (): void => {
    this.#isClosed = true
    this.#line?.close()
    this.#line = null
  }

  async #open(): Promise<void> {
    const { device, baudRate } = this.#options
    const reader = slipReader(largestFrame)
    let isEnded = false
    try {
      const line = await this.#world.serialLines.open(device, {
        baudRate,
        received: (bytes) => {
          for (const frame of reader.read(bytes)) this.#received(frame)
        },
        closed: (because) => {
          isEnded = true
          this.#lost(because)
        },
      })
      if (isEnded) return
      if (this.#isClosed) {
        line.close()
        return
      }
      this.#line = line
      this.#isBusy = false
      this.#tell('the serial line is open', { baudRate })
      this.#sendNext()
    } catch (trouble) {
      if (!isEnded) this.#lost(trouble instanceof Error ? trouble.message : String(trouble))
    }
  }

  #lost(because: string): void {
    this.#line = null
    if (this.#isClosed) return
    this.#tell('the serial line is lost: it is opened again every second', { because, skipped: this.#skipped })
    this.#world.clock.after(reopenMs, () => {
      if (!this.#isClosed) void this.#open()
    })
  }

  #received(frame: Uint8Array): void {
    if (this.#isClosed) return
    const { codec, parts } = this.#options
    const beat = codec.decode(frame)
    if (typeof beat !== 'string') {
      this.#tell('beats arrive by serial line')
      parts.hear(beat, comName)
    } else if (beat === 'differing')
      this.#tell('beats arrive by serial line from a server with other voters or networks configured: not heard')
    // A bit that falls over on the line looks the same as a forgery; so it is worth a line, and no more.
    else if (beat !== 'foreign') parts.suspicious(`a ${beat} beat on com`)
  }

  #sendNext(): void {
    const line = this.#line
    const beat = this.#waiting
    if (line === null || this.#isBusy || beat === null) return
    this.#waiting = null
    const bytes = this.#options.codec.encode(beat)
    if ('unfit' in bytes) {
      this.#tell('a beat cannot be sent by serial line', { because: bytes.unfit })
      return
    }
    const frame = slipFrame(bytes)
    this.#isBusy = true
    const { clock } = this.#world
    const began = clock.now()
    const cancelStall = clock.after(stallMs, () => {
      if (this.#line !== line) return
      line.close()
      this.#lost(`it has taken nothing for ${stallMs} ms`)
    })
    const lineMs = (frame.length * bitsPerByte * 1000) / this.#options.baudRate
    line.write(frame).then(
      () => {
        cancelStall()
        clock.after(began + lineMs - clock.now(), () => this.#free(line))
      },
      // That the line is lost is told by its `closed`, or by the stall.
      () => {},
    )
  }

  #free(line: SerialLine): void {
    if (this.#line !== line) return
    this.#isBusy = false
    this.#sendNext()
  }
}
