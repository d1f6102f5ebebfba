/** Large buffers that are used again: new ones cost page faults, and have the collector look at everything. */

/** Below, Node's own pool serves as well. */
const smallest = 65_536
/** Longer ones are rare. */
const largest = 8_388_608
/** Of each size; more are given to the collector. */
const maxSpare = 4

export class SpareBuffers {
  readonly #bySize = new Map<number, Buffer[]>()

  /** With whatever was in it. */
  readonly take = (length: number): Buffer => {
    if (length < smallest || length > largest) return Buffer.allocUnsafe(length)
    const size = 2 ** Math.ceil(Math.log2(length))
    return (this.#bySize.get(size)?.pop() ?? Buffer.allocUnsafeSlow(size)).subarray(0, length)
  }

  /** Nobody looks at it any more. What was not taken here is left alone. */
  readonly give = (taken: Buffer): void => {
    const whole = taken.buffer
    if (taken.length < smallest || taken.length > largest || !(whole instanceof ArrayBuffer)) return
    const spare = this.#bySize.get(whole.byteLength) ?? []
    this.#bySize.set(whole.byteLength, spare)
    if (spare.length < maxSpare) spare.push(Buffer.from(whole))
  }
}
