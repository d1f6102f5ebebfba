/** What a side of a mirror knows about itself, as bytes. The layout is a table in docs/mirror-formats.md. */
import {
  type CopyName,
  copyName,
  type DataGeneration,
  dataGeneration,
  type Generations,
  historyLength,
  type MirrorId,
  mirrorId,
} from '../generations.ts'
import { pageBytes } from './page.ts'

export type MirrorRole = 'idle' | 'active' | 'standby'

/** Fixed by formatting, but for `dataBytes`, which grows. */
export type Geometry = {
  readonly mirror: MirrorId
  /** Of the data partition that is mirrored: the smaller of the two. */
  readonly dataBytes: number
  /** What one bit of the dirty bitmap stands for. */
  readonly blockBytes: number
  /** What one bit of the intent map stands for: a multiple of `blockBytes`. */
  readonly regionBytes: number
}

export type MirrorState = {
  readonly role: MirrorRole
  /** False while a resync writes to it, or has to: a mixture of two moments, or less than was acknowledged. */
  readonly isConsistent: boolean
  /** The newest epoch that has written here; older ones are refused. */
  readonly epoch: number
  /** Boot of the machine under which the data partition was last written: another one may have lost what it cached. */
  readonly boot: string
  readonly generations: Generations
  /** This copy is being brought up under this name; null: it is not, or by older software. */
  readonly copyOf: CopyName | null
  /**
   * The other side is being brought up under this name. Invariant: a copy of this name whose metadata was saved
   * at least so often lacks only what is marked here.
   */
  readonly copyTo: { readonly name: CopyName; readonly saves: number } | null
}

export type StateRecord = {
  readonly geometry: Geometry
  readonly state: MirrorState
  /** Where the maps begin; they move when they grow. */
  readonly mapsAt: number
}

/** Behind the two copies of the state: where the first maps begin. */
export const firstMapsAt = 131_072

const roles: readonly MirrorRole[] = ['idle', 'active', 'standby']
const at = {
  mirror: 0,
  dataBytes: 16,
  blockBytes: 24,
  regionBytes: 28,
  role: 32,
  flags: 33,
  historyCount: 34,
  epoch: 40,
  current: 48,
  base: 56,
  pending: 64,
  peer: 72,
  history: 80,
  boot: 80 + 8 * historyLength,
  maps: 80 + 8 * historyLength + 40,
  copyOf: 80 + 8 * historyLength + 48,
  copyTo: 80 + 8 * historyLength + 56,
  copySaves: 80 + 8 * historyLength + 64,
}
/** A UUID as text. */
const bootBytes = 36
const recordBytes = at.copySaves + 8

export const encodeState = ({ geometry, state, mapsAt }: StateRecord): Buffer => {
  const bytes = Buffer.alloc(recordBytes)
  bytes.write(geometry.mirror, at.mirror, 'hex')
  bytes.writeBigUInt64BE(BigInt(geometry.dataBytes), at.dataBytes)
  bytes.writeUInt32BE(geometry.blockBytes, at.blockBytes)
  bytes.writeUInt32BE(geometry.regionBytes, at.regionBytes)
  bytes.writeUInt8(roles.indexOf(state.role), at.role)
  bytes.writeUInt8(state.isConsistent ? 1 : 0, at.flags)
  bytes.writeBigUInt64BE(BigInt(state.epoch), at.epoch)
  bytes.write(state.boot, at.boot, bootBytes, 'latin1')
  bytes.writeBigUInt64BE(mapsAt === firstMapsAt ? 0n : BigInt(mapsAt), at.maps)
  bytes.writeBigUInt64BE(BigInt(state.copyTo?.saves ?? 0), at.copySaves)
  const { current, base, pending, peer, history } = state.generations
  bytes.writeUInt16BE(history.length, at.historyCount)
  for (const [place, one] of [
    [at.current, current],
    [at.base, base],
    [at.pending, pending],
    [at.peer, peer],
    [at.copyOf, state.copyOf],
    [at.copyTo, state.copyTo?.name ?? null],
  ] as const) {
    if (one !== null) bytes.write(one, place, 'hex')
  }
  history.forEach((one, index) => {
    bytes.write(one, at.history + 8 * index, 'hex')
  })
  return bytes
}

/** Null when a number is not what any Baton has written. */
export const decodeState = (bytes: Buffer): StateRecord | null => {
  const role = roles[bytes.readUInt8(at.role)]
  const flags = bytes.readUInt8(at.flags)
  const count = bytes.readUInt16BE(at.historyCount)
  const epoch = Number(bytes.readBigUInt64BE(at.epoch))
  const geometry: Geometry = {
    mirror: mirrorId(bytes.toString('hex', at.mirror, at.mirror + 16)),
    dataBytes: Number(bytes.readBigUInt64BE(at.dataBytes)),
    blockBytes: bytes.readUInt32BE(at.blockBytes),
    regionBytes: bytes.readUInt32BE(at.regionBytes),
  }
  const mapsAt = Number(bytes.readBigUInt64BE(at.maps)) || firstMapsAt
  if (role === undefined || flags > 1 || count > historyLength || !Number.isSafeInteger(epoch)) return null
  if (!Number.isSafeInteger(mapsAt) || mapsAt < firstMapsAt || mapsAt % pageBytes !== 0) return null
  if (geometryObjection(geometry) !== null) return null
  const history = Array.from({ length: count }, (_, index) => generationAt(bytes, at.history + 8 * index))
  const generations: Generations = {
    current: generationAt(bytes, at.current),
    base: generationAt(bytes, at.base),
    pending: generationAt(bytes, at.pending),
    peer: generationAt(bytes, at.peer),
    history: history.filter((one) => one !== null),
  }
  const boot = bytes.toString('latin1', at.boot, at.boot + bootBytes).replace(/\0+$/, '')
  const state = { role, isConsistent: flags === 1, epoch, boot, generations, ...copiesIn(bytes) }
  return { geometry, mapsAt, state }
}

const copiesIn = (bytes: Buffer): Pick<MirrorState, 'copyOf' | 'copyTo'> => {
  const [of, to] = [nameAt(bytes, at.copyOf), nameAt(bytes, at.copyTo)]
  const saves = Number(bytes.readBigUInt64BE(at.copySaves))
  return {
    copyOf: of === null ? null : copyName(of),
    copyTo: to === null ? null : { name: copyName(to), saves },
  }
}

const generationAt = (bytes: Buffer, place: number): DataGeneration | null => {
  const text = nameAt(bytes, place)
  return text === null ? null : dataGeneration(text)
}

const nameAt = (bytes: Buffer, place: number): string | null => {
  const text = bytes.toString('hex', place, place + 8)
  return text === '0000000000000000' ? null : text
}

const smallestBlock = 4096
/** A resync sends a block in one piece (peer/frame.ts). */
const largestBlock = 1_048_576
const largestRegion = 1_073_741_824
const largestData = 2 ** 46
/** 128 MiB of bitmap: 64 TiB in blocks of 64 KiB. */
const mostBlocks = 2 ** 30

/** Why a mirror cannot have this form; null when it can. */
export const geometryObjection = ({ dataBytes, blockBytes, regionBytes }: Geometry): string | null => {
  if (!isPowerOfTwo(blockBytes) || blockBytes < smallestBlock || blockBytes > largestBlock)
    return `blocks of ${blockBytes} bytes: a power of two from ${smallestBlock} to ${largestBlock} is needed`
  if (!isPowerOfTwo(regionBytes) || regionBytes < blockBytes || regionBytes > largestRegion)
    return `regions of ${regionBytes} bytes: a power of two from ${blockBytes} to ${largestRegion} is needed`
  if (!Number.isSafeInteger(dataBytes) || dataBytes < smallestBlock || dataBytes > largestData || dataBytes % 512 !== 0)
    return `${dataBytes} bytes of data: a multiple of 512 from ${smallestBlock} to ${largestData} is needed`
  if (dataBytes / blockBytes > mostBlocks)
    return `${dataBytes} bytes of data in blocks of ${blockBytes} bytes: more than ${mostBlocks} of them; choose larger blocks`
  return null
}

const isPowerOfTwo = (n: number): boolean => n > 0 && Number.isInteger(Math.log2(n))
