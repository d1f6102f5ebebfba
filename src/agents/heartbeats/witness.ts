/**
 * H5: beats through a web witness. Each is posted to it, and its answer brings the latest beats of the others.
 *
 * One request at a time: while it is under way only the newest beat waits. After a failure the next one waits longer,
 * up to a limit well below T, so that a witness that is back is noticed soon.
 */
import { type PathName, pathName, type VoterName } from '../../events/index.ts'
import type { Cancel, World } from '../../world/world.ts'
import { beatCodec } from './beat-codec.ts'
import { onceEach } from './once-each.ts'
import type { HeartbeatPath } from './path.ts'
import type { PathKind, PathParts } from './paths.ts'
import { witnessPath } from './witness-desk.ts'
import { decodeReply, type Known, largestReply } from './witness-reply.ts'

export const witnessName = pathName('witness')

/** The longest pause after failures, as a share of T. */
const longestPause = 1 / 4

/** The web witness of this cluster, for its servers. */
export const witnessKind: PathKind = (world, configuration, parts) => {
  const { witness, timeout, interval } = configuration.heartbeat
  const isServer = configuration.servers.some(({ name }) => name === parts.kit.own.name)
  if (witness === undefined || !isServer) return []
  const { cluster } = configuration
  const options = { ...witness, cluster, deadAfterMs: timeout, intervalMs: interval }
  const open = () => witnessPathOf(world, { ...options, key: parts.kit.clusterKey, parts })
  return [{ name: witnessName, from: options, open }]
}

export type WitnessOptions = {
  readonly url: string
  /** Of a request, in ms. */
  readonly timeout: number
  /** PEM file. */
  readonly ca?: string | undefined
  readonly cluster: string
  readonly key: Uint8Array
  /** T. */
  readonly deadAfterMs: number
  readonly intervalMs: number
  readonly parts: Pick<PathParts, 'hear' | 'suspicious' | 'say'>
}

type WitnessWorld = Pick<World, 'clock' | 'http' | 'files' | 'authenticate' | 'digest'>

export const witnessPathOf = (world: WitnessWorld, options: WitnessOptions): HeartbeatPath =>
  new WitnessPath(world, options)

type Count = { readonly incarnation: number; readonly number: number }

class WitnessPath implements HeartbeatPath {
  readonly name: PathName = witnessName
  readonly #world: WitnessWorld
  readonly #options: WitnessOptions
  readonly #tell: (what: string, fields?: Readonly<Record<string, unknown>>) => void
  readonly #newest = new Map<VoterName, Count>()
  #waiting: Uint8Array | null = null
  #isAsking = false
  #failures = 0
  #cancelPause: Cancel | null = null
  #isClosed = false

  constructor(world: WitnessWorld, options: WitnessOptions) {
    this.#world = world
    this.#options = options
    this.#tell = onceEach((what, fields) => options.parts.say(what, { url: options.url, ...fields }))
  }

  readonly send = (bytes: Uint8Array): void => {
    this.#waiting = bytes
    this.#next()
  }

  readonly close = (): void => {
    this.#isClosed = true
    this.#cancelPause?.()
  }

  #next(): void {
    const bytes = this.#waiting
    if (bytes === null || this.#isAsking || this.#isClosed || this.#cancelPause !== null) return
    this.#waiting = null
    this.#isAsking = true
    this.#ask(bytes)
      .then(
        () => {
          this.#failures = 0
          this.#tell('the web witness answers')
        },
        (trouble: unknown) => this.#failed(trouble),
      )
      .finally(() => {
        this.#isAsking = false
        this.#next()
      })
  }

  #failed(trouble: unknown): void {
    const { intervalMs, deadAfterMs } = this.#options
    this.#failures += 1
    this.#tell('the web witness cannot be used', {
      because: trouble instanceof Error ? trouble.message : String(trouble),
    })
    const pauseMs = Math.min(intervalMs * 2 ** Math.min(this.#failures, 10), deadAfterMs * longestPause)
    this.#cancelPause = this.#world.clock.after(pauseMs, () => {
      this.#cancelPause = null
      this.#next()
    })
  }

  async #ask(question: Uint8Array): Promise<void> {
    const { url, timeout, ca, key } = this.#options
    const authorities = ca === undefined ? null : await this.#world.files.read(ca)
    if (ca !== undefined && authorities === null) throw new Error(`there is no ${ca}`)
    const askedAt = this.#world.clock.now()
    const { status, body } = await this.#world.http.ask({
      method: 'POST',
      url: `${url.replace(/\/+$/, '')}${witnessPath}`,
      body: question,
      timeoutMs: timeout,
      largestBytes: largestReply,
      keepAlive: true,
      ...(authorities === null ? {} : { ca: authorities }),
    })
    if (this.#isClosed) return
    if (status !== 200)
      throw new Error(`it answered ${status}: ${Buffer.from(body).toString('utf8').slice(0, 200).trim()}`)
    const known = decodeReply(this.#world, { key, question }, body)
    if (known === 'forged') this.#options.parts.suspicious('a forged answer of the web witness')
    if (typeof known === 'string') throw new Error(`its answer is ${known}`)
    for (const one of known) this.#hear(one, this.#world.clock.now() - askedAt)
  }

  /**
   * The witness keeps a dead server's last beat; what keeps it from being heard as new by a voter that just started:
   *   1. The witness says how old it is, and what is older than half of T is not heard.
   *   2. The first beat of each voter that this path sees proves nothing: only one that is newer does.
   */
  #hear({ from, ageMs, beat: bytes }: Known, roundTripMs: number): void {
    const { cluster, key, deadAfterMs, parts } = this.#options
    if (bytes === null || ageMs + roundTripMs > deadAfterMs / 2) return
    const beat = beatCodec(this.#world, cluster, key).decode(bytes)
    if (typeof beat === 'string' || beat.from !== from) {
      parts.suspicious(
        `the web witness passes on a beat that is ${typeof beat === 'string' ? beat : 'of another voter'}`,
      )
      return
    }
    const before = this.#newest.get(from)
    const isNewer =
      before !== undefined &&
      (beat.incarnation > before.incarnation ||
        (beat.incarnation === before.incarnation && beat.number > before.number))
    if (before === undefined || isNewer) this.#newest.set(from, beat)
    if (isNewer) parts.hear(beat, witnessName)
  }
}
