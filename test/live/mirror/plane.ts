/** A data plane as a process of its own, and the agent's end of its control socket. */
import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { mkdtemp, rm, truncate, writeFile } from 'node:fs/promises'
import { connect, createServer, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { now, until } from '../lab/until.ts'

const execute = promisify(execFile)
const main = join(import.meta.dirname, '..', '..', '..', 'dist', 'cli', 'main.js')
const limitMs = 30_000
const metadataBytes = 16 * 1_048_576

/** What a data plane says. */
export type Said = Readonly<Record<string, unknown>> & { readonly say: string; readonly heardAt: number }

type Within = { readonly group?: string; readonly tag?: string }

/** The log answers as told. */
export class Plane {
  readonly said: Said[] = []
  answer = 'recorded'
  #child: ChildProcess | null = null
  /** Once the one that was killed last is gone. */
  #ended: Promise<unknown> = Promise.resolve()
  #socket: Socket | null = null
  #id = 0
  readonly #folder: string
  readonly name: string

  constructor(folder: string, name: string) {
    this.#folder = folder
    this.name = name
  }

  readonly path = (file: string): string => join(this.#folder, `${this.name}-${file}`)

  readonly lay = async (settings: object, sizeBytes: number): Promise<void> => {
    for (const [file, bytes] of [
      ['data', sizeBytes],
      ['metadata', metadataBytes],
    ] as const) {
      await writeFile(this.path(file), '')
      await truncate(this.path(file), bytes)
    }
    await writeFile(this.path('config'), JSON.stringify(settings))
  }

  readonly format = async (): Promise<void> => {
    await execute(process.execPath, [main, 'mirror-disk', '--config', this.path('config'), '--format'])
  }

  /** `group`: the control group that it is started in. `tag`: of the agent that would have started it. */
  readonly start = async ({ group, tag }: Within = {}): Promise<void> => {
    // Else it would be the one before that answers at its socket.
    await this.#ended
    const command = [process.execPath, main, 'mirror-disk', '--config', this.path('config')]
    const joining = group === undefined ? '' : `echo $$ >${group} && `
    this.#child = spawn('sh', ['-c', `${joining}exec "$@"`, 'sh', ...command], {
      stdio: 'inherit',
      env: { ...process.env, ...(tag !== undefined && { BATON_TAG: tag }) },
    })
    const socket = await until(() => reached(this.path('control')), limitMs, `${this.name} to listen`)
    this.#socket = socket
    let rest = ''
    socket.setEncoding('utf8').on('data', (text) => {
      const lines = (rest + text).split('\n')
      rest = lines.pop() ?? ''
      for (const line of lines) this.#take(JSON.parse(line))
    })
  }

  readonly #take = (said: Omit<Said, 'heardAt'> & { readonly say: string }): void => {
    this.said.push({ ...said, heardAt: now() })
    if (said.say === 'ask') this.tell({ do: 'answer', question: said.question, answer: this.answer })
  }

  readonly tell = (order: object): void => {
    this.#socket?.write(`${JSON.stringify(order)}\n`)
  }

  readonly order = async (order: object): Promise<Said> => {
    this.#id += 1
    const id = this.#id
    this.tell({ ...order, id })
    return until(() => this.said.find((said) => said.id === id), limitMs, `an answer to ${JSON.stringify(order)}`)
  }

  readonly condition = (): unknown => this.said.findLast(({ say }) => say === 'condition')?.pair

  get pid(): number | undefined {
    return this.#child?.pid
  }

  readonly kill = (): void => {
    if (this.#child !== null && this.#child.exitCode === null && this.#child.signalCode === null)
      this.#ended = once(this.#child, 'exit')
    this.#child?.kill('SIGKILL')
    this.#socket?.destroy()
    this.#child = null
  }
}

const reached = (path: string): Promise<Socket | null> =>
  new Promise((resolve) => {
    const socket = connect(path, () => resolve(socket))
    socket.on('error', () => resolve(null))
  })

/** Nobody listens there now. */
export const freePort = (): Promise<number> =>
  new Promise((resolve) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const address = server.address()
      server.close(() => resolve(typeof address === 'object' && address !== null ? address.port : 0))
    })
  })

export type PairOptions = {
  readonly sizeBytes: number
  /** Settings of both data planes beside partitions, sockets and connects. */
  readonly settings?: object
  /** Instead of one mirror connect on loopback. */
  readonly connectsOf?: (name: 'alpha' | 'beta') => readonly object[]
  /** Serves a block file, too, while it is active: `path('block')`. */
  readonly blockFileOf?: 'alpha' | 'beta'
  /** Its cluster partitions are left empty, for a `format` by order. */
  readonly isEmpty?: boolean
  /** Where alpha is started. */
  readonly within?: Within
  /** Block devices for alpha, instead of files. */
  readonly devices?: { readonly data?: string; readonly metadata?: string }
}

/** Two data planes that nobody has told anything yet, on loopback, with files for partitions. */
export const startPair = async (
  folder: string,
  { sizeBytes, settings = {}, blockFileOf, connectsOf, isEmpty = false, within, devices }: PairOptions,
): Promise<{ readonly alpha: Plane; readonly beta: Plane }> => {
  const [alpha, beta] = [new Plane(folder, 'alpha'), new Plane(folder, 'beta')]
  const [alphaPort, betaPort] = [await freePort(), await freePort()]
  const mirror = randomBytes(16).toString('hex')
  await writeFile(join(folder, 'key'), randomBytes(32))
  const start = async (one: Plane, other: Plane, ownPort: number, peerPort: number): Promise<void> => {
    const place = { address: '127.0.0.1', port: ownPort }
    const common = {
      mirror,
      server: one.name,
      peer: other.name,
      data: one.path('data'),
      metadata: one.path('metadata'),
      direct: false,
      exclusive: false,
      keyFile: join(folder, 'key'),
      nbd: one.path('nbd'),
      control: one.path('control'),
      blockFile: one.name === blockFileOf ? one.path('block') : null,
      connects: connectsOf?.(one.name === 'alpha' ? 'alpha' : 'beta') ?? [
        { own: place, peer: { ...place, port: peerPort } },
      ],
    }
    const own = one === alpha && devices !== undefined ? { ...devices, direct: true, exclusive: true } : {}
    await one.lay({ ...common, ...own, ...settings }, sizeBytes)
    if (!isEmpty) await one.format()
    await one.start(one === alpha ? within : {})
  }
  try {
    await start(alpha, beta, alphaPort, betaPort)
    await start(beta, alpha, betaPort, alphaPort)
  } catch (error) {
    alpha.kill()
    beta.kill()
    throw error
  }
  return { alpha, beta }
}

/** Both in a folder of their own; ends them, whatever the body did. */
export const withPair = async (
  options: PairOptions,
  body: (alpha: Plane, beta: Plane) => Promise<void>,
): Promise<void> => {
  const folder = await mkdtemp(join(tmpdir(), 'baton-mirror-'))
  try {
    const { alpha, beta } = await startPair(folder, options)
    try {
      await body(alpha, beta)
    } finally {
      alpha.kill()
      beta.kill()
    }
  } finally {
    await rm(folder, { recursive: true })
  }
}

/** What a log says of a copy that it calls current. */
export const activation = { do: 'activate', isCurrent: true, wasLast: true, generation: null }

/** For other people's clients. */
export const uriOf = (plane: Plane): string => `nbd+unix:///?socket=${plane.path('nbd')}`
