/**
 * Beats on virtual links. A beat is heard by everybody on every path; reading it that often was most of what a simulated
 * second cost. So whoever gets the very bytes that a beat was put into gets that beat, without reading them; and where
 * nobody but the codec ever looks at them, the bytes only stand for it. Now and then a beat is put into the product's
 * bytes and read back all the same: what is read must be what was said.
 */
import { isDeepStrictEqual } from 'node:util'
import { type BeatCodec, beatCodec } from '../agents/heartbeats/beat-codec.ts'
import type { Beat } from '../decisions/liveness.ts'
import type { Configuration } from '../events/index.ts'

/** One beat in so many is read back. */
const readBackEvery = 500

export type SilencePromise = { readonly generation: number; readonly ms: number }

/** What a beat says that matters here: which life of its sender says it, and what it promises, by server. */
export type BeatWords = { readonly life: number; readonly promises: ReadonlyMap<string, SilencePromise> }

/** Of one cluster: bytes are passed on as the objects that they are. */
export class BeatBytes {
  readonly #beats = new WeakMap<Uint8Array, Beat>()
  readonly #areLookedAt: boolean
  #count = 0

  /** Other kinds of paths than networks have forms of their own, or carry the bytes inside of something else. */
  constructor({ heartbeat, servers }: Configuration) {
    const hasDevices = servers.some(({ com, diskHeartbeat }) => com !== undefined || diskHeartbeat !== undefined)
    this.#areLookedAt = hasDevices || heartbeat.witness !== undefined
  }

  /** Of beats in the form that they are first sent in. */
  readonly wordsIn = (bytes: Uint8Array): BeatWords => {
    const promises = new Map<string, SilencePromise>()
    const { echoes = {}, incarnation = 0 } = this.#beats.get(bytes) ?? {}
    for (const [server, { generation, promisedMs }] of Object.entries(echoes))
      if (promisedMs !== null) promises.set(server, { generation, ms: promisedMs })
    return { life: incarnation, promises }
  }

  readonly codec = (...of: Parameters<typeof beatCodec>): BeatCodec => {
    const real = beatCodec(...of)
    return {
      encode: (beat) => {
        this.#count += 1
        const isReadBack = this.#count % readBackEvery === 0
        const bytes = this.#areLookedAt || isReadBack ? real.encode(beat) : new Uint8Array(1)
        if (isReadBack && !isDeepStrictEqual(real.decode(bytes), beat))
          throw new Error(`this beat is read as another: ${JSON.stringify(beat)}`)
        this.#beats.set(bytes, beat)
        return bytes
      },
      decode: (bytes) => this.#beats.get(bytes) ?? real.decode(bytes),
    }
  }
}
