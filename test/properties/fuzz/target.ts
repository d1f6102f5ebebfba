/** One place where bytes from outside come in: what may arrive there, and what must hold whatever does. */
import fc from 'fast-check'

export type Target = {
  readonly name: string
  /** A property over one input; it fails by throwing. */
  readonly property: fc.IProperty<[unknown]>
}

export const target = <T>(name: string, input: fc.Arbitrary<T>, holds: (input: T) => void): Target => ({
  name,
  // cast: what an input is, is between the two above
  property: fc.property(input, holds) as unknown as fc.IProperty<[unknown]>,
})

/** What wires, disks and people do to bytes; at least one byte is another afterwards. */
export type Damage = (bytes: Uint8Array) => Uint8Array

const place = fc.nat({ max: 100_000 })

const flipped = place.map(
  (at): Damage =>
    (bytes) => {
      const changed = Uint8Array.from(bytes)
      const index = (at >> 3) % bytes.length
      changed[index] = (changed[index] ?? 0) ^ (1 << (at & 7))
      return changed
    },
)
const cut = place.map(
  (at): Damage =>
    (bytes) =>
      bytes.slice(0, at % bytes.length),
)
const beheaded = place.map(
  (at): Damage =>
    (bytes) =>
      bytes.slice(1 + (at % (bytes.length - 1))),
)
const inserted = fc.tuple(place, fc.uint8Array({ minLength: 1, maxLength: 40 })).map(
  ([at, more]): Damage =>
    (bytes) => {
      const index = at % (bytes.length + 1)
      return Uint8Array.from([...bytes.subarray(0, index), ...more, ...bytes.subarray(index)])
    },
)
const overwritten = fc.tuple(place, fc.uint8Array({ minLength: 1, maxLength: 40 })).map(
  ([at, instead]): Damage =>
    (bytes) => {
      const changed = Uint8Array.from(bytes)
      changed.set(instead.subarray(0, bytes.length - (at % bytes.length)), at % bytes.length)
      return changed
    },
)
const doubled = fc.constant<Damage>((bytes) => Uint8Array.from([...bytes, ...bytes]))

export const damage: fc.Arbitrary<Damage> = fc.oneof(flipped, flipped, cut, beheaded, inserted, overwritten, doubled)

/** Any bytes at all, now and then more than anything here is meant to take. */
export const noise = fc.oneof(
  { weight: 20, arbitrary: fc.uint8Array({ maxLength: 600 }) },
  { weight: 1, arbitrary: fc.nat({ max: 70_000 }).map((size) => new Uint8Array(size).fill(size)) },
)

export const isSame = (a: Uint8Array, b: Uint8Array): boolean => Buffer.compare(a, b) === 0
