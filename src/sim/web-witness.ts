/**
 * The web witness of a simulated cluster: the product's own desk, on a machine of its own past the cluster's. It may be slow,
 * and when it starts anew it has forgotten everything.
 */
import { type WitnessDesk, witnessDesk } from '../agents/heartbeats/witness-desk.ts'
import { decodeReply } from '../agents/heartbeats/witness-reply.ts'
import { type Configuration, instant, wallTime } from '../events/index.ts'
import { NetworkTrouble } from '../world/network-trouble.ts'
import type { HttpClient } from '../world/world.ts'
import type { BeatOracle } from './beats.ts'
import type { Scheduler } from './clock.ts'
import type { SimulatedNetwork } from './network.ts'
import type { SimulatedProcess } from './process.ts'
import { clusterKey, seal } from './seal.ts'

type Question = Parameters<HttpClient['ask']>[0]
type Answer = Awaited<ReturnType<HttpClient['ask']>>

export type WebWitnessParts = {
  readonly scheduler: Scheduler
  readonly network: SimulatedNetwork
  readonly oracle: BeatOracle
  /** Nothing changes T: what is older than half of it is surely not heard, and what is younger surely is. */
  readonly isSteady: boolean
}

/** Of ages that are rounded, and counted by clocks that differ. */
const agePart = 0.8

export class WebWitness {
  readonly #parts: WebWitnessParts
  readonly #configuration: Configuration
  #desk: WitnessDesk
  /** The newest beat that each process was told of each server: its first proves nothing. */
  readonly #told = new WeakMap<SimulatedProcess, Map<string, string>>()
  /** How much later it answers than it is asked. */
  delayMs = 0

  constructor(configuration: Configuration, parts: WebWitnessParts) {
    this.#configuration = configuration
    this.#parts = parts
    this.#desk = this.#opened()
  }

  /** What its address is, with the port; null: there is none. */
  get name(): string | null {
    const { witness } = this.#configuration.heartbeat
    return witness === undefined ? null : new URL(witness.url).host
  }

  restart(): void {
    this.#desk = this.#opened()
  }

  /** By HTTP over `on`, there and back. `isDead`: it answers nobody at present. */
  ask(process: SimulatedProcess, question: Question, on: string, isDead: () => boolean): Promise<Answer> {
    const { scheduler, network } = this.#parts
    const { host } = process
    const name = this.name ?? ''
    return new Promise((resolve, reject) => {
      let isOver = false
      const cancel = process.after(question.timeoutMs, () => {
        isOver = true
        reject(new NetworkTrouble('nobody answers'))
      })
      const began = scheduler.now
      network.stream(on, host.name, name, () => {
        if (isDead()) return
        const answer = this.#answer(host.name, question)
        scheduler.after(this.delayMs, () =>
          network.stream(on, name, host.name, () =>
            process.enter(() => {
              if (isOver) return
              cancel()
              this.#note(process, question, { answer, roundTripMs: scheduler.now - began })
              resolve(answer)
            }),
          ),
        )
      })
    })
  }

  #answer(from: string, { method, url, body = new Uint8Array() }: Question): Answer {
    const said = this.#desk.answer({ method, path: new URL(url).pathname, body, from })
    const bytes = typeof said.body === 'string' ? new Uint8Array(Buffer.from(said.body)) : said.body
    return { status: said.status, body: bytes }
  }

  /** Which beats came to whom by this answer. */
  #note(
    process: SimulatedProcess,
    { body: question }: Question,
    { answer, roundTripMs }: { readonly answer: Answer; readonly roundTripMs: number },
  ): void {
    const { oracle, isSteady } = this.#parts
    if (question === undefined || answer.status !== 200) return
    const known = decodeReply(seal, { key: clusterKey, question }, answer.body)
    if (typeof known === 'string') return
    const told = this.#told.get(process) ?? new Map<string, string>()
    this.#told.set(process, told)
    for (const { from, ageMs, beat } of known) {
      if (beat === null) continue
      const text = Buffer.from(beat).toString('latin1')
      const before = told.get(from)
      told.set(from, text)
      const isYoung = ageMs + roundTripMs < (this.#configuration.heartbeat.timeout / 2) * agePart
      const isHeard = isSteady && isYoung && before !== undefined && before !== text
      oracle.arrived(process.host.name, beat, isHeard ? 'heard' : 'perhaps heard')
    }
  }

  #opened(): WitnessDesk {
    const { scheduler } = this.#parts
    const clock = {
      now: () => instant(scheduler.now),
      sinceBoot: () => instant(scheduler.now),
      wall: () => wallTime(scheduler.now),
      after: (ms: number, run: () => void) => scheduler.after(ms, run),
    }
    return witnessDesk(
      { clock, ...seal },
      { cluster: this.#configuration.cluster, key: clusterKey, suspicious: () => undefined },
    )
  }
}
