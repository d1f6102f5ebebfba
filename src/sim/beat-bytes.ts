/**
 * Beats on virtual links: the bytes are those that the product makes, and whoever gets those very bytes gets the beat that
 * they were made from, without reading them. A beat is heard by everybody on every path; reading it that often was most of
 * what a simulated second cost. Now and then it is read all the same: what is read must be what was said.
 */
import { isDeepStrictEqual } from 'node:util'
import { type BeatCodec, beatCodec } from '../agents/heartbeats/beat-codec.ts'
import type { Beat } from '../decisions/liveness.ts'

/** One beat in so many is read back. */
const readBackEvery = 64

/** Of one cluster: bytes are passed on as the objects that they are. */
export class BeatBytes {
  readonly #beats = new WeakMap<Uint8Array, Beat>()
  #count = 0

  readonly codec = (...of: Parameters<typeof beatCodec>): BeatCodec => {
    const real = beatCodec(...of)
    return {
      encode: (beat) => {
        const bytes = real.encode(beat)
        this.#beats.set(bytes, beat)
        this.#count += 1
        if (this.#count % readBackEvery === 0 && !isDeepStrictEqual(real.decode(bytes), beat))
          throw new Error(`this beat is read as another: ${JSON.stringify(beat)}`)
        return bytes
      },
      decode: (bytes) => this.#beats.get(bytes) ?? real.decode(bytes),
    }
  }
}
