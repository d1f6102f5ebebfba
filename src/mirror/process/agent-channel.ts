/** The agent's connection to a data plane: lines of JSON both ways; questions to the log are asked through it. */
import type { Cancel, LocalConnection, World } from '../../world/world.ts'
import type { MirrorAuthority } from '../engine/authority.ts'
import { type FromAgent, fromAgent } from './settings.ts'

type Answer = 'recorded' | 'refused'
type Open = { readonly resolve: (answer: Answer) => void; readonly reject: (error: Error) => void }

export type Order = Exclude<FromAgent, { do: 'answer' }>

/** Longest line that an agent sends: 4096 runs of two numbers. */
const maxLine = 262_144

export class AgentChannel {
  readonly #heard: (said: Order) => void
  #connection: LocalConnection | null = null
  #questions = new Map<number, Open>()
  #question = 0
  #rest = ''
  #stop: Cancel = () => {}

  constructor(heard: (said: Order) => void) {
    this.#heard = heard
  }

  /** @throws when the socket cannot be had. */
  readonly open = async (world: Pick<World, 'local'>, path: string): Promise<void> => {
    this.#stop = await world.local.listen(path, this.#connected)
  }

  readonly close = (): void => {
    this.#stop()
    this.#connection?.close()
  }

  readonly tell = (message: Readonly<Record<string, unknown>>): void => {
    this.#connection?.send(`${JSON.stringify(message)}\n`)
  }

  readonly authority: MirrorAuthority = {
    breakMirror: (event) => this.#ask({ break: event }),
    detachMirror: (event) => this.#ask({ detach: event }),
    joinMirror: (event) => this.#ask({ join: event }),
  }

  /** Rejects when nobody is there, or goes before it has answered: the engine asks again. */
  readonly #ask = (what: Readonly<Record<string, unknown>>): Promise<Answer> => {
    this.#question += 1
    const question = this.#question
    if (this.#connection === null) return Promise.reject(new Error('no agent is connected'))
    return new Promise((resolve, reject) => {
      this.#questions.set(question, { resolve, reject })
      this.tell({ say: 'ask', question, ...what })
    })
  }

  /** The newest agent is the one that counts. */
  readonly #connected = (connection: LocalConnection): void => {
    this.#connection?.close()
    this.#lost()
    this.#connection = connection
    connection.onText((text) => {
      if (this.#connection === connection) this.#take(text)
    })
    connection.onClose(() => {
      if (this.#connection !== connection) return
      this.#connection = null
      this.#lost()
    })
  }

  readonly #lost = (): void => {
    this.#rest = ''
    for (const { reject } of this.#questions.values()) reject(new Error('the agent has gone'))
    this.#questions.clear()
  }

  readonly #take = (text: string): void => {
    const lines = (this.#rest + text).split('\n')
    this.#rest = (lines.pop() ?? '').slice(-maxLine)
    for (const line of lines) {
      const said = decoded(line)
      if (said === null) this.tell({ say: 'misunderstood', id: idIn(line), line: line.slice(0, 200) })
      else if (said.do === 'answer') this.#answered(said.question, said.answer)
      else this.#heard(said)
    }
  }

  readonly #answered = (question: number, answer: Answer | 'unknown'): void => {
    const open = this.#questions.get(question)
    this.#questions.delete(question)
    if (answer === 'unknown') open?.reject(new Error('the agent does not know'))
    else open?.resolve(answer)
  }
}

/** So that whoever ordered it learns that it is not known here. */
const idIn = (line: string): number | null => {
  try {
    const { id } = JSON.parse(line)
    return typeof id === 'number' ? id : null
  } catch {
    return null
  }
}

const decoded = (line: string): FromAgent | null => {
  try {
    const parsed = fromAgent.safeParse(JSON.parse(line))
    return parsed.success ? parsed.data : null
  } catch {
    return null
  }
}
