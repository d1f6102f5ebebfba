/** What whoever writes to a mirror was told, sector by sector: what a copy must have that the log calls current, and what it must not. */
import type { SimulatedDisk } from './block-disk.ts'

/** What a device writes as a whole. */
export const sectorBytes = 512

/** One request of the writer. */
export type Written = {
  /** In every sector of it; 0 = zeros. */
  readonly value: number
  /** Its sectors. */
  readonly first: number
  readonly count: number
  /** It was answered. */
  isAcknowledged: boolean
  /** A flush that came after it was answered, too. */
  isFlushed: boolean
  /** Where it was answered, or read: only when this machine loses its power may it be served there without what was not flushed. */
  at: string
  /** Copies that have it, once it was answered, until their machine loses its power before it was flushed. */
  readonly has: Set<string>
}

export const contentOf = (value: number, bytes: number): Uint8Array => {
  const content = Buffer.alloc(bytes, value & 0xff)
  for (let at = 0; at < bytes; at += sectorBytes) content.writeUInt32LE(value, at)
  return content
}

const nobody = { count: 1, isAcknowledged: false, isFlushed: false, at: '' }
const everywhere: Pick<Written, 'first' | 'count'> = { first: 0, count: Number.POSITIVE_INFINITY }

export class Account {
  /** By sector, in the order of the requests; the first is what it held when it was last read. */
  readonly #sectors: Written[][]
  readonly #mayLag: boolean
  #value = 0
  acknowledged = 0

  /** `mayLag`: a copy may turn out to be without what was acknowledged last, and that is given up when it is read. */
  constructor(bytes: number, copies: readonly string[], mayLag = false) {
    this.#mayLag = mayLag
    const empty = {
      value: 0,
      first: 0,
      count: bytes / sectorBytes,
      isAcknowledged: true,
      isFlushed: true,
      at: '',
      has: new Set(copies),
    }
    this.#sectors = Array.from({ length: bytes / sectorBytes }, () => [empty])
  }

  /** Zeros when they are asked for; otherwise a value that was never written before. */
  readonly begin = (at: number, length: number, isZero = false): Written => {
    if (!isZero) this.#value += 1
    const value = isZero ? 0 : this.#value
    const [first, count] = [at / sectorBytes, length / sectorBytes]
    const written: Written = { value, first, count, isAcknowledged: false, isFlushed: false, at: '', has: new Set() }
    for (const sector of this.#range(at, length)) sector.push(written)
    return written
  }

  /** `by`: the copies that the log calls current now. */
  readonly answered = (written: Written, at: string, by: readonly string[], isFlushed = false): void => {
    written.isAcknowledged = true
    written.at = at
    written.isFlushed ||= isFlushed
    for (const copy of by) written.has.add(copy)
    this.acknowledged += 1
  }

  /** What a flush covers that begins now. */
  readonly answeredSoFar = (): readonly Written[] =>
    this.#sectors.flatMap((all) => all.filter(({ isAcknowledged, isFlushed }) => isAcknowledged && !isFlushed))

  readonly flushed = (covered: readonly Written[]): void => {
    for (const one of covered) one.isFlushed = true
  }

  readonly powerLost = (copy: string): void => {
    for (const all of this.#sectors) for (const one of all) if (!one.isFlushed) one.has.delete(copy)
  }

  /** The log says that `target` has what `source` has: where it had more, that was overwritten. */
  readonly joined = (source: string, target: string): void => {
    for (const all of this.#sectors)
      for (const one of all)
        if (one.has.has(source)) one.has.add(target)
        else one.has.delete(target)
  }

  /** An operator has given up what this copy lacks. */
  readonly forced = (copy: string, disk: Pick<SimulatedDisk, 'content'>): void => {
    this.#sectors.forEach((all, sector) => {
      const value = valueAt(disk, sector)
      const found = all.find((one) => one.value === value)
      all.splice(0, all.length, found ?? { ...nobody, value, first: sector, isAcknowledged: true, has: new Set() })
      for (const one of all) one.has.add(copy)
    })
  }

  /** Why this copy is not what the log calls it: without a write that was acknowledged, and that some copy still has; null when it is. */
  readonly objectionTo = (copy: string, disk: Pick<SimulatedDisk, 'content'>, where = everywhere): string | null => {
    const end = Math.min(this.#sectors.length, where.first + where.count)
    for (let sector = where.first; sector < end; sector++) {
      const objection = this.#objectionAt(sector, copy, valueAt(disk, sector))
      if (objection !== null) return `sector ${sector} of ${copy} holds ${objection}`
    }
    return null
  }

  /** From the last on: this is looked at for every sector at every commit, and mostly the last is what is there. */
  readonly #objectionAt = (sector: number, copy: string, value: number): string | null => {
    const all = this.#sectors[sector] ?? []
    let missing: Written | null = null
    let isKnown = false
    for (let place = all.length - 1; place >= 0 && !isKnown; place--) {
      const one = all[place]
      if (one?.value === value) isKnown = true
      else if (missing === null && one?.isAcknowledged && this.#isNeeded(one, copy)) missing = one
    }
    if (!isKnown && !this.#mayLag) return `${value}, which was gone, or never written: ${words(all)}`
    return missing && `${value}, though ${missing.value} was acknowledged: ${words(all)}`
  }

  /** It was read here: this is what everybody has seen, and `by` must have from now on. */
  readonly read = (at: string, disk: Pick<SimulatedDisk, 'content'>, by: readonly string[]): void => {
    this.#sectors.forEach((all, sector) => {
      const value = valueAt(disk, sector)
      const found =
        all.findLast((one) => one.value === value) ??
        (this.#mayLag ? { ...nobody, value, first: sector, has: new Set<string>() } : undefined)
      if (found === undefined) return
      // A request that wrote several sectors may have come to some of them only.
      const seen: Written = { ...found, isAcknowledged: true, at, has: new Set([...found.has, ...by]) }
      all.splice(0, all.length, seen)
    })
  }

  readonly #isNeeded = ({ has, at }: Written, copy: string): boolean =>
    has.has(copy) || (!this.#mayLag && has.size > 0 && at !== copy)

  readonly #range = (at: number, length: number): readonly Written[][] =>
    this.#sectors.slice(at / sectorBytes, (at + length) / sectorBytes)
}

const valueAt = ({ content }: Pick<SimulatedDisk, 'content'>, sector: number): number => {
  const at = sector * sectorBytes
  return (content[at] ?? 0) + (content[at + 1] ?? 0) * 256 + (content[at + 2] ?? 0) * 65_536
}

/** Enough to see what came before. */
const mostWords = 8

const words = (all: readonly Written[]): string =>
  all
    .slice(-mostWords)
    .map(({ value, isAcknowledged, isFlushed, has }) => {
      const how = isFlushed ? 'flushed' : isAcknowledged ? 'acknowledged' : 'begun'
      return `${value} ${how} (${[...has].join(' ')})`
    })
    .join(', ')
