/**
 * A beat in few bytes, for a serial line of 19,200 baud and for a slot of a disk. Numbers are unsigned, big-endian.
 *
 * | bytes | what |
 * |---|---|
 * | 1 | 0xB7, which begins no text |
 * | 1 | version of this layout: 2; version 1, which ends with the groups, is read, too |
 * | 4 | begin of the SHA-256 of the cluster's name |
 * | 8 | begin of the SHA-256 of the *agreement*: the names that indexes and bits below stand for |
 * | 1 | sender: index among the voters |
 * | 6 | incarnation |
 * | 6 | beat number |
 * | 6 | lease generation of the sender |
 * | 6 | log sequence reached |
 * | 6 | generation it has renounced; 0 = none |
 * | 1 + n | store id, as text, after its length: whole, since it is compared with what the log has admitted |
 * | 1 | number of echoes; of each: |
 * | 1 + 6 + 6 + 6 + 4 | voter, incarnation, number, generation, promised T in ms (0xFFFFFFFF = nothing promised) |
 * | 1 | number of supports; of each: |
 * | 1 + 6 + 1 | voter, generation, reason (0 silent, 1 renounced) |
 * | 1 | number of voters heard; of each: |
 * | 1 + 2 | voter, paths as bits: 1 nats, 2 com, 4 disk, then the networks by name |
 * | 1 | number of groups held, 255 at most; of each: |
 * | 4 + 6 | begin of the SHA-256 of its name, epoch |
 * | 1 | 1 when an arrival follows, else 0; then: |
 * | 1 + 1 + 6 + 2 | of which voter, path as the number of its bit, number of its beat, how long ago in ms; its life is that of the echo |
 * | 16 | begin of the HMAC-SHA-256 of everything before it, by the cluster's key |
 *
 * Two servers: at most 136 bytes, and 10 for each group held. What is left out: paths and voters that the agreement does
 * not know, and renunciations of others: whoever reads this reads theirs in the same place. An echo or a support less is a grant or a removal less, which is the safe side. A group that the receiver
 * has not configured is passed over: groups come and go more often than voters, and are no part of the agreement.
 *
 * Two voters whose configurations differ in the agreement do not understand each other: such a beat is authentic, but
 * its indexes would name others, so it is dropped, and the path is silent until both have the same configuration.
 */
import type { Arrival, Beat, Echo, Support } from '../../decisions/liveness.ts'
import {
  beatNumber,
  type Configuration,
  type Epoch,
  type Generation,
  type Incarnation,
  networksOf,
  type PathName,
  pathName,
  type VoterName,
  voterName,
} from '../../events/index.ts'
import type { World } from '../../world/world.ts'
import { isEqual } from './beat-codec.ts'

/** What both ends must have in common for an index to name the same thing. */
export type Agreement = {
  readonly cluster: string
  /** Everybody who may send or be spoken of, sorted. */
  readonly voters: readonly VoterName[]
  readonly paths: readonly PathName[]
}

export const agreementOf = (configuration: Configuration): Agreement => {
  const { cluster, servers, witness } = configuration
  const voters = [...servers, ...(witness ? [witness] : [])].map(({ name }) => voterName(name))
  return agreementOfMembers(cluster, voters, networksOf(configuration))
}

export const agreementOfMembers = (
  cluster: string,
  voters: readonly VoterName[],
  networks: readonly string[],
): Agreement => {
  const paths = ['nats', 'com', 'disk', ...networks.toSorted().map((network) => `lan:${network}`)]
  return { cluster, voters: voters.toSorted(), paths: paths.map(pathName).slice(0, pathBits) }
}

/** Why a beat could not be read. `differing`: it is authentic, but of a configuration that names others than ours. */
export type Unreadable = 'foreign' | 'forged' | 'differing' | 'damaged'

export type CompactCodec = {
  /** The bytes, or why this beat has no compact form: a number is never cut to fit. */
  readonly encode: (beat: Beat) => Uint8Array | { readonly unfit: string }
  /** Never throws. */
  readonly decode: (bytes: Uint8Array) => Beat | Unreadable
}

const magic = 0xb7
const version = 2
const firstVersion = 1
const clusterBytes = 4
const agreementBytes = 8
const headBytes = 2 + clusterBytes + agreementBytes
const macBytes = 16
const groupBytes = 4
const largestList = 255
const pathBits = 16
const nothingPromised = 0xffff_ffff
const largestCount = 2 ** 48 - 1

export type CompactOptions = {
  /** The cluster's. */
  readonly key: Uint8Array
  /** Names of the groups that are configured now. */
  readonly groups: () => readonly string[]
}

export const compactCodec = (
  world: Pick<World, 'authenticate' | 'digest'>,
  { cluster, voters, paths }: Agreement,
  { key, groups }: CompactOptions,
): CompactCodec => {
  const begin = (text: string, length: number) => Buffer.from(world.digest(text), 'base64url').subarray(0, length)
  const ofCluster = begin(cluster, clusterBytes)
  const ofAgreement = begin(JSON.stringify([cluster, voters, paths]), agreementBytes)
  const macOf = (content: Uint8Array) => Buffer.from(world.authenticate(key, content)).subarray(0, macBytes)
  const groupCode = (name: string) => begin(name, groupBytes).readUInt32BE()
  const names: Names = {
    voters,
    paths,
    groupCode,
    groupOf: (code) => groups().filter((name) => groupCode(name) === code),
  }
  return {
    encode: (beat) => {
      const writer = new Writer()
      writeBeat(writer, beat, names)
      if (writer.unfit !== null) return { unfit: writer.unfit }
      const head = Buffer.from([magic, version])
      const content = Buffer.concat([head, ofCluster, ofAgreement, Buffer.from(writer.bytes)])
      return new Uint8Array(Buffer.concat([content, macOf(content)]))
    },
    decode: (bytes) => {
      const all = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length)
      if (all.length < headBytes + macBytes || all[0] !== magic || !isReadable(all[1])) return 'foreign'
      if (!all.subarray(2, 2 + clusterBytes).equals(ofCluster)) return 'foreign'
      const content = all.subarray(0, all.length - macBytes)
      if (!isEqual(all.subarray(content.length), macOf(content))) return 'forged'
      if (!all.subarray(2 + clusterBytes, headBytes).equals(ofAgreement)) return 'differing'
      const reader = new Reader(content.subarray(headBytes))
      const beat = readBeat(reader, { ...names, hasArrival: all[1] !== firstVersion })
      return reader.isWhole() && beat !== null ? beat : 'damaged'
    },
  }
}

const isReadable = (of: number | undefined): boolean => of === version || of === firstVersion

type Names = Pick<Agreement, 'voters' | 'paths'> & {
  readonly groupCode: (name: string) => number
  /** More than one only when two names begin with the same code: then it is neither. */
  readonly groupOf: (code: number) => readonly string[]
}

const writeBeat = (to: Writer, beat: Beat, { voters, paths, groupCode }: Names): void => {
  const known = <T>(by: Readonly<Record<string, T>>): readonly (readonly [number, T])[] =>
    voters.flatMap((name, index) => (by[name] === undefined ? [] : [[index, by[name]] as const]))
  to.count('sender', voters.indexOf(beat.from), 1)
  to.count('incarnation', beat.incarnation)
  to.count('beat number', beat.number)
  to.count('generation', beat.generation)
  to.count('log sequence', beat.sequence)
  to.count('renounced generation', beat.renounced)
  to.text('store', beat.store)
  to.list('echoes', known(beat.echoes), ([voter, { incarnation, number, generation, promisedMs }]) => {
    to.count('voter', voter, 1)
    to.count('echoed incarnation', incarnation)
    to.count('echoed number', number)
    to.count('echoed generation', generation)
    // A promise is rounded down: to keep silent for longer than was promised does no harm.
    const promised = promisedMs === null ? nothingPromised : Math.floor(promisedMs)
    if (promisedMs !== null && promised >= nothingPromised) to.refuse('promised T', promisedMs)
    else to.count('promised T', promised, 4)
  })
  to.list('supports', known(beat.supports), ([voter, { generation, reason }]) => {
    to.count('voter', voter, 1)
    to.count('supported generation', generation)
    to.count('reason', reason === 'renounced' ? 1 : 0, 1)
  })
  to.list('voters heard', known(beat.hears), ([voter, heardOn]) => {
    to.count('voter', voter, 1)
    const bits = paths.reduce((all, path, bit) => (heardOn.includes(path) ? all | (1 << bit) : all), 0)
    to.count('paths', bits, 2)
  })
  to.list('groups', Object.entries(beat.groups).slice(0, largestList), ([name, epoch]) => {
    to.count('group', groupCode(name), groupBytes)
    to.count('epoch', epoch)
  })
  writeArrival(to, beat, { voters, paths })
}

/** Only what its own echo says the life of, by a path that has a number here; it is telemetry, and may be missing. */
const writeArrival = (
  to: Writer,
  { arrival, echoes }: Beat,
  { voters, paths }: Pick<Names, 'voters' | 'paths'>,
): void => {
  const [voter, path] = arrival ? [voters.indexOf(arrival.of), paths.indexOf(arrival.path)] : [-1, -1]
  const isOfEcho = arrival !== undefined && echoes[arrival.of]?.incarnation === arrival.incarnation
  const isTold = isOfEcho && voter >= 0 && path >= 0 && Math.round(arrival.agoMs) <= longestAgoMs
  to.count('arrival', isTold ? 1 : 0, 1)
  if (!isTold) return
  to.count('voter', voter, 1)
  to.count('path', path, 1)
  to.count('number that arrived', arrival.number)
  to.count('how long ago', Math.round(arrival.agoMs), 2)
}
const longestAgoMs = 0xffff

/** Null: there is none. Undefined: what stands there cannot be. */
const readArrival = (
  from: Reader,
  { voters, paths }: Pick<Names, 'voters' | 'paths'>,
  echoes: Readonly<Record<string, Echo>>,
): Arrival | null | undefined => {
  const isThere = from.count(1)
  if (isThere === 0) return null
  const [of, path] = [voters[from.count(1)], paths[from.count(1)]]
  const number = beatNumber(from.count())
  const agoMs = from.count(2)
  const echo = of === undefined ? undefined : echoes[of]
  if (isThere !== 1 || of === undefined || path === undefined || echo === undefined) return undefined
  return { of, path, incarnation: echo.incarnation, number, agoMs }
}

/** Null when what was read cannot be: another version's idea of a reason, a voter that there is not. */
const readBeat = (
  from: Reader,
  { voters, paths, groupOf, hasArrival }: Names & { readonly hasArrival: boolean },
): Beat | null => {
  let isSound = true
  const voter = (): VoterName => {
    const name = voters[from.count(1)]
    isSound &&= name !== undefined
    return name ?? voterName('')
  }
  const sender = voter()
  const incarnation = from.count() as Incarnation // cast: decodes the brand
  const number = beatNumber(from.count())
  const generation = from.count() as Generation // cast: decodes the brand
  const sequence = from.count()
  const renounced = from.count() as Generation // cast: decodes the brand
  const store = from.text()
  const echoes = from.list((): [string, Echo] => [voter(), readEcho(from)])
  const supports = from.list((): [string, Support] => {
    const p = voter()
    const supported = from.count() as Generation // cast: decodes the brand
    const reason = from.count(1)
    isSound &&= reason <= 1
    return [p, { generation: supported, reason: reason === 1 ? 'renounced' : 'silent' }]
  })
  const hears = from.list((): [string, readonly PathName[]] => {
    const p = voter()
    const bits = from.count(2)
    return [p, paths.filter((_, bit) => (bits & (1 << bit)) !== 0)]
  })
  const groups = from.list((): readonly [readonly string[], Epoch] => {
    const found = groupOf(from.count(groupBytes))
    return [found, from.count() as Epoch] // cast: decodes the brand
  })
  const said = Object.fromEntries(echoes)
  const arrival = hasArrival ? readArrival(from, { voters, paths }, said) : null
  if (!isSound || arrival === undefined) return null
  return {
    from: sender,
    incarnation,
    number,
    store,
    generation,
    sequence,
    groups: Object.fromEntries(
      groups.flatMap(([[name, other], epoch]) => (name === undefined || other !== undefined ? [] : [[name, epoch]])),
    ),
    echoes: said,
    hears: Object.fromEntries(hears),
    supports: Object.fromEntries(supports),
    renounced,
    passedOn: {},
    ...(arrival && { arrival }),
  }
}

const readEcho = (from: Reader): Echo => {
  const incarnation = from.count() as Incarnation // cast: decodes the brand
  const number = beatNumber(from.count())
  const generation = from.count() as Generation // cast: decodes the brand
  const promised = from.count(4)
  // A promise of nothing at all is none.
  return {
    incarnation,
    number,
    generation,
    promisedMs: promised === nothingPromised || promised === 0 ? null : promised,
  }
}

class Writer {
  readonly bytes: number[] = []
  /** Set by the first value that does not fit its field. */
  unfit: string | null = null

  count(what: string, value: number, length = 6): void {
    const largest = length === 6 ? largestCount : 2 ** (8 * length) - 1
    if (!Number.isInteger(value) || value < 0 || value > largest) {
      this.refuse(what, value)
      return
    }
    for (let after = length - 1; after >= 0; after--) this.bytes.push(Math.floor(value / 256 ** after) % 256)
  }
  text(what: string, value: string): void {
    const field = Buffer.from(value)
    this.count(`length of ${what}`, field.length, 1)
    this.bytes.push(...field)
  }
  list<T>(what: string, items: readonly T[], write: (item: T) => void): void {
    this.count(`number of ${what}`, items.length, 1)
    for (const item of items) write(item)
  }
  refuse(what: string, value: number): void {
    this.unfit ??= `${what} ${value} does not fit its field of a compact beat`
  }
}

/** Reads zeros beyond the end, and knows that it did. */
class Reader {
  readonly #bytes: Buffer
  #at = 0

  constructor(bytes: Buffer) {
    this.#bytes = bytes
  }

  count(length = 6): number {
    const isThere = this.#at + length <= this.#bytes.length
    const value = isThere ? this.#bytes.readUIntBE(this.#at, length) : 0
    this.#at += length
    return value
  }
  text(): string {
    const length = this.count(1)
    const value = this.#bytes.toString('utf8', this.#at, this.#at + length)
    this.#at += length
    return value
  }
  list<T>(read: () => T): readonly T[] {
    return Array.from({ length: this.count(1) }, read)
  }
  isWhole(): boolean {
    return this.#at === this.#bytes.length
  }
}
