/** The one source of chance: a seed. Parts draw from sources of their own, so that a new draw in one shifts no other. */

const alphabet = 'abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789'
/** As long as the ids of the real world. */
const idLength = 22

/** Murmur3's finalizer: every bit of the input moves half of the output's. */
const mix = (value: number): number => {
  let h = value | 0
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b)
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35)
  return (h ^ (h >>> 16)) >>> 0
}

/** Adds a text or number to a running 32-bit digest. */
export const digested = (digest: number, value: string | number): number => {
  if (typeof value === 'number') return mix(digest ^ mix(value) ^ mix(value / 4_294_967_296))
  let h = digest
  for (let at = 0; at < value.length; at++) h = Math.imul(h ^ value.charCodeAt(at), 0x01000193)
  return mix(h)
}

export class Chance {
  readonly #seed: number
  #a: number
  #b: number
  #c: number
  #count = 1

  constructor(seed: number) {
    this.#seed = seed
    this.#a = digested(seed, 'a')
    this.#b = digested(seed, 'b')
    this.#c = digested(seed, 'c')
    for (let warm = 0; warm < 12; warm++) this.fraction()
  }

  /** A source of its own, by name: the same for a seed whatever was drawn before. */
  readonly split = (name: string): Chance => new Chance(digested(this.#seed, name))

  /** Another one that will draw what this one will. */
  readonly fork = (): Chance => {
    const twin = new Chance(this.#seed)
    twin.#a = this.#a
    twin.#b = this.#b
    twin.#c = this.#c
    twin.#count = this.#count
    return twin
  }

  /** Uniform in [0, 1): sfc32. */
  readonly fraction = (): number => {
    const sum = (((this.#a + this.#b) | 0) + this.#count) | 0
    this.#count = (this.#count + 1) | 0
    this.#a = this.#b ^ (this.#b >>> 9)
    this.#b = (this.#c + (this.#c << 3)) | 0
    this.#c = (((this.#c << 21) | (this.#c >>> 11)) + sum) | 0
    return (sum >>> 0) / 4_294_967_296
  }

  readonly between = (least: number, most: number): number => least + this.fraction() * (most - least)
  /** Uniform over orders of magnitude. */
  readonly magnitude = (least: number, most: number): number => Math.exp(this.between(Math.log(least), Math.log(most)))
  readonly whole = (least: number, most: number): number => Math.floor(this.between(least, most + 1))
  readonly happens = (probability: number): boolean => probability > 0 && this.fraction() < probability
  /** @throws RangeError when there is nothing to choose from */
  readonly pick = <T>(from: readonly T[]): T => {
    const [chosen] = from.slice(Math.floor(this.fraction() * from.length))
    if (chosen === undefined) throw new RangeError('nothing to choose from')
    return chosen
  }
  readonly id = (): string => Array.from({ length: idLength }, () => alphabet[this.whole(0, 61)]).join('')
}
