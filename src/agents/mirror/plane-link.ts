/**
 * The data plane of one mirror disk, seen from its agent: a process of its own that outlives the agent. Adopts the one
 * that runs, else starts one; asks it for a sign of life, and ends one that gives none.
 */
import { z } from 'zod'
import { type FromPlane, fromPlane, type PlaneStatus } from '../../mirror/process/sayings.ts'
import { limitsOf, mirrorSettings } from '../../mirror/process/settings.ts'
import type { Cancel, LocalConnection, ProcessIdentity, World } from '../../world/world.ts'
import { endAll } from '../resources/sweep.ts'

export type PlanePlaces = {
  /** What it is told when it is started, by src/mirror/process/settings.ts. */
  readonly settings: string
  readonly control: string
  readonly output: string
}

/** Not an answer to anything. */
export type Told = Extract<FromPlane, { say: 'condition' | 'resync' | 'verify' | 'trouble' | 'repaired' | 'cut-off' }>

export type PlaneLinkOptions = {
  /** Starts it. */
  readonly command: readonly [string, ...string[]]
  readonly tag: string
  readonly places: PlanePlaces
  readonly asked: (question: Extract<FromPlane, { say: 'ask' }>) => Promise<'recorded' | 'refused' | 'unknown'>
  /** What it says by itself. */
  readonly told: (said: Told) => void
  /** Something is different now. */
  readonly changed: () => void
  /** It is gone, and was not told to. */
  readonly died: (because: string) => void
  readonly say: (what: string, fields: Readonly<Record<string, unknown>>) => void
}

/** `lost`: it is not known what became of the order. `unknown`: this data plane does not know such an order. */
export type OrderAnswer =
  | { readonly answer: 'done'; readonly more: Readonly<Record<string, unknown>> }
  | { readonly answer: 'refused' | 'failed' | 'lost' | 'unknown'; readonly because: string }

export type PlaneOrder = Readonly<Record<string, unknown>> & { readonly do: string }

/** How often it is asked how it is. */
const statusMs = 1000
/** One that does not answer for so long hangs: longer than a disk that is about to give up a sector. */
const hangsMs = 10_000
const againMs = 200
/** From its start until its socket is there. */
const startMs = 20_000
const firstRestartMs = 200
const longestRestartMs = 5000
/** Whoever lived this long starts with the short pause again. */
const healthyMs = 30_000
const endMs = 2000
/** A line that is longer is none. */
const maxLine = 1_048_576

type Open = { readonly resolve: (answer: OrderAnswer) => void; readonly cancel: Cancel }

export class PlaneLink {
  readonly #world: World
  readonly #options: PlaneLinkOptions
  #wanted: string | null = null
  /** Settings whose limits it has been told while it serves. */
  #limited: string | null = null
  #process: ProcessIdentity | null = null
  #connection: LocalConnection | null = null
  #status: PlaneStatus | null = null
  #heardAt = 0
  #open = new Map<number, Open>()
  #order = 0
  #failures = 0
  #notBefore = 0
  #startedAt = 0
  #isBusy = false
  #isReleased = false
  #unwatch: Cancel = () => {}
  #timer: Cancel = () => {}

  constructor(world: World, options: PlaneLinkOptions) {
    this.#world = world
    this.#options = options
  }

  /** What it said last; null while it is not reached. */
  get status(): PlaneStatus | null {
    return this.#connection === null ? null : this.#status
  }

  get isThere(): boolean {
    return this.#process !== null
  }

  /** Settings that it should run with. One that serves takes over limits, and keeps the others until it does not. */
  readonly want = (settings: string): void => {
    if (this.#wanted === null) this.#timer = this.#world.clock.after(0, () => void this.#tend())
    this.#wanted = settings
  }

  readonly order = (order: PlaneOrder, timeoutMs: number): Promise<OrderAnswer> => {
    const connection = this.#connection
    if (connection === null) return Promise.resolve({ answer: 'lost', because: 'the data plane is not reached' })
    this.#order += 1
    const id = this.#order
    const { promise, resolve } = Promise.withResolvers<OrderAnswer>()
    const cancel = this.#world.clock.after(timeoutMs, () =>
      this.#settle(id, { answer: 'lost', because: `the data plane did not answer within ${timeoutMs} ms` }),
    )
    this.#open.set(id, { resolve, cancel })
    connection.send(`${JSON.stringify({ ...order, id })}\n`)
    return promise
  }

  /** Asks it anew how it is. Null when it does not say. */
  readonly refresh = async (): Promise<PlaneStatus | null> => {
    await this.order({ do: 'status' }, hangsMs)
    return this.status
  }

  /** Ends it; the next look starts it again, if it is still wanted. */
  readonly restart = async (): Promise<void> => {
    this.#unwatch()
    await endPlane(this.#world, this.#options.tag)
    this.#lose()
    this.#process = null
    this.#notBefore = 0
  }

  /** Looks after it no longer; it goes on. */
  readonly release = (): void => {
    this.#isReleased = true
    this.#timer()
    this.#unwatch()
    this.#connection?.close()
  }

  readonly end = async (): Promise<void> => {
    this.release()
    await endPlane(this.#world, this.#options.tag)
  }

  readonly #tend = async (): Promise<void> => {
    if (this.#isReleased || this.#isBusy) return
    this.#isBusy = true
    try {
      await this.#look()
    } catch (trouble) {
      this.#options.say('the data plane of a mirror could not be looked after', { trouble: String(trouble) })
    }
    this.#isBusy = false
    this.#timer()
    if (!this.#isReleased)
      this.#timer = this.#world.clock.after(this.#connection ? statusMs : againMs, () => void this.#tend())
  }

  readonly #look = async (): Promise<void> => {
    const { clock } = this.#world
    if (this.#process === null && !(await this.#adopt()) && !(await this.#start())) return
    if (this.#connection === null && !(await this.#connect())) {
      if (clock.now() - this.#startedAt > startMs) await this.#kill('its control socket cannot be reached')
      return
    }
    if (await this.#isOutdated()) {
      await this.restart()
      return
    }
    this.#limit()
    if (clock.now() - this.#heardAt > hangsMs) await this.#kill(`it has not answered for ${hangsMs} ms`)
    else void this.order({ do: 'status' }, hangsMs)
  }

  readonly #adopt = async (): Promise<boolean> => {
    const [found] = await this.#world.processes.members(this.#options.tag)
    if (found === undefined) return false
    this.#began(found)
    return true
  }

  readonly #start = async (): Promise<boolean> => {
    const { clock, files, processes } = this.#world
    const { places, command, tag } = this.#options
    if (this.#wanted === null || clock.now() < this.#notBefore) return false
    await files.write(places.settings, this.#wanted)
    this.#began(await processes.launch(command, { tag, logFile: places.output }))
    return true
  }

  readonly #began = (process: ProcessIdentity): void => {
    this.#process = process
    this.#startedAt = this.#world.clock.now()
    this.#unwatch()
    this.#unwatch = this.#world.processes.onExit(process, (code) =>
      this.#ended(`it ended${code === null ? '' : ` with code ${code}`}`),
    )
  }

  /** A data plane that does nothing for anybody may be replaced by one with other settings. */
  readonly #isOutdated = async (): Promise<boolean> => {
    if (this.#wanted === null || this.#status === null || this.#status.does === 'serve') return false
    return (await this.#world.files.read(this.#options.places.settings)) !== this.#wanted
  }

  readonly #limit = (): void => {
    const wanted = this.#wanted
    if (wanted === null || this.#limited === wanted || this.#status?.does !== 'serve') return
    const settings = text.pipe(mirrorSettings).safeParse(wanted).data
    this.#limited = wanted
    if (settings === undefined) return
    void this.order({ do: 'limits', ...limitsOf(settings) }, hangsMs).then(({ answer }) => {
      if (answer === 'lost') this.#limited = null
    })
  }

  readonly #connect = async (): Promise<boolean> => {
    const connection = await this.#world.local.connect(this.#options.places.control)
    if (connection === null) return false
    this.#connection = connection
    this.#status = null
    this.#heardAt = this.#world.clock.now()
    let rest = ''
    connection.onText((text) => {
      if (this.#connection !== connection) return
      const lines = (rest + text).split('\n')
      rest = (lines.pop() ?? '').slice(-maxLine)
      for (const line of lines) this.#hear(line)
    })
    connection.onClose(() => {
      if (this.#connection === connection) this.#lose()
    })
    void this.order({ do: 'status' }, hangsMs)
    return true
  }

  readonly #hear = (line: string): void => {
    const said = decoded(line)
    this.#heardAt = this.#world.clock.now()
    if (said === null) {
      this.#options.say('a data plane says what is not understood', { line: line.slice(0, 300) })
      return
    }
    switch (said.say) {
      case 'condition':
      case 'resync':
      case 'verify':
      case 'trouble':
      case 'repaired':
      case 'cut-off':
        this.#options.told(said)
        break
      case 'ask':
        void this.#answer(said)
        break
      case 'status':
        this.#status = said
        this.#settle(said.id, { answer: 'done', more: {} })
        break
      case 'done':
        this.#settle(said.id, { answer: 'done', more: said })
        break
      case 'misunderstood':
        this.#settle(said.id, { answer: 'unknown', because: 'this version of the data plane cannot do that' })
        break
      case 'refused':
      case 'failed':
        this.#settle(said.id, { answer: said.say, because: said.because })
        break
      default:
        said satisfies never
    }
    this.#options.changed()
  }

  readonly #answer = async (said: Extract<FromPlane, { say: 'ask' }>): Promise<void> => {
    const connection = this.#connection
    const answer = await this.#options.asked(said).catch(() => 'unknown' as const)
    if (this.#connection === connection)
      connection?.send(`${JSON.stringify({ do: 'answer', question: said.question, answer })}\n`)
  }

  readonly #settle = (id: number | null, answer: OrderAnswer): void => {
    const open = id === null ? undefined : this.#open.get(id)
    if (id === null || open === undefined) return
    this.#open.delete(id)
    open.cancel()
    open.resolve(answer)
  }

  readonly #kill = async (because: string): Promise<void> => {
    this.#unwatch()
    await this.#world.processes.signalAll(this.#options.tag, 'SIGKILL')
    this.#ended(because)
  }

  readonly #ended = (because: string): void => {
    const { clock } = this.#world
    this.#failures = clock.now() - this.#startedAt > healthyMs ? 1 : this.#failures + 1
    this.#notBefore = clock.now() + Math.min(longestRestartMs, firstRestartMs * 2 ** (this.#failures - 1))
    this.#process = null
    this.#unwatch()
    this.#lose()
    this.#options.died(because)
  }

  readonly #lose = (): void => {
    const connection = this.#connection
    this.#connection = null
    this.#status = null
    this.#limited = null
    connection?.close()
    for (const id of [...this.#open.keys()]) this.#settle(id, { answer: 'lost', because: 'the data plane has gone' })
    this.#options.changed()
  }
}

/** Ends the data plane of a tag: what it has cached is flushed, if it ends by itself in time. False: it does not end. */
export const endPlane = async (world: World, tag: string, patienceMs = endMs): Promise<boolean> =>
  (await endAll(world, tag, { patienceMs, signal: new AbortController().signal })) === null

const text = z.string().transform((line, context) => {
  try {
    return JSON.parse(line) as unknown
  } catch {
    context.addIssue({ code: 'custom', message: 'not JSON' })
    return z.NEVER
  }
})
const decoded = (line: string): FromPlane | null => text.pipe(fromPlane).safeParse(line).data ?? null
