/** Two real data planes on loopback, written to by other people's NBD clients, one of them killed. */
import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { mkdtemp, readFile, rm, truncate, writeFile } from 'node:fs/promises'
import { connect, createServer, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { expect } from 'vitest'
import { liveTest } from '../lab/live-test.ts'
import { until } from '../lab/until.ts'

const execute = promisify(execFile)
const main = join(import.meta.dirname, '..', '..', '..', 'dist', 'cli', 'main.js')
const sizeBytes = 32 * 1_048_576
const limitMs = 30_000
type Said = Readonly<Record<string, unknown>> & { readonly say: string }

/** A data plane and the agent's end of its control socket; the log answers as told. */
class Plane {
  readonly said: Said[] = []
  answer = 'recorded'
  #child: ChildProcess | null = null
  #socket: Socket | null = null
  #id = 0
  readonly #folder: string
  readonly name: string

  constructor(folder: string, name: string) {
    this.#folder = folder
    this.name = name
  }

  readonly path = (file: string): string => join(this.#folder, `${this.name}-${file}`)

  readonly prepare = async (settings: object): Promise<void> => {
    for (const file of ['data', 'metadata']) {
      await writeFile(this.path(file), '')
      await truncate(this.path(file), sizeBytes)
    }
    await writeFile(this.path('config'), JSON.stringify(settings))
    await execute(process.execPath, [main, 'mirror-disk', '--config', this.path('config'), '--format'])
  }

  readonly start = async (): Promise<void> => {
    this.#child = spawn(process.execPath, [main, 'mirror-disk', '--config', this.path('config')], { stdio: 'inherit' })
    const socket = await until(() => reached(this.path('control')), limitMs, `${this.name} to listen`)
    this.#socket = socket
    let rest = ''
    socket.setEncoding('utf8').on('data', (text) => {
      const lines = (rest + text).split('\n')
      rest = lines.pop() ?? ''
      for (const line of lines) this.#take(JSON.parse(line))
    })
  }

  readonly #take = (said: Said): void => {
    this.said.push(said)
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

  readonly kill = (): void => {
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

const freePort = (): Promise<number> =>
  new Promise((resolve) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const address = server.address()
      server.close(() => resolve(typeof address === 'object' && address !== null ? address.port : 0))
    })
  })

const mirrored = async (body: (alpha: Plane, beta: Plane) => Promise<void>): Promise<void> => {
  const folder = await mkdtemp(join(tmpdir(), 'baton-mirror-'))
  const [alpha, beta] = [new Plane(folder, 'alpha'), new Plane(folder, 'beta')]
  const ports = { alpha: await freePort(), beta: await freePort() }
  const place = (name: 'alpha' | 'beta') => ({ address: '127.0.0.1', port: ports[name] })
  await writeFile(join(folder, 'key'), randomBytes(32))
  const mirror = randomBytes(16).toString('hex')
  try {
    for (const [one, other] of [
      [alpha, 'beta'],
      [beta, 'alpha'],
    ] as const) {
      await one.prepare({
        mirror,
        server: one.name,
        peer: other,
        data: one.path('data'),
        metadata: one.path('metadata'),
        direct: false,
        exclusive: false,
        keyFile: join(folder, 'key'),
        nbd: one.path('nbd'),
        control: one.path('control'),
        connects: [
          {
            own: place(one.name === 'alpha' ? 'alpha' : 'beta'),
            peer: place(other),
          },
        ],
        reconnectMs: 1000,
      })
      await one.start()
    }
    await body(alpha, beta)
  } finally {
    alpha.kill()
    beta.kill()
    await rm(folder, { recursive: true })
  }
}

const activation = { do: 'activate', isCurrent: true, wasLast: true, generation: null }
const uriOf = (plane: Plane) => `nbd+unix:///?socket=${plane.path('nbd')}`

liveTest(
  'a mirror disk is copied, written, survives the loss of its standby, and then of its active side',
  { needs: ['nbdcopy'], timeoutMs: 150_000 },
  () =>
    mirrored(async (alpha, beta) => {
      const same = async () => (await readFile(alpha.path('data'))).equals(await readFile(beta.path('data')))
      const copyIn = async (plane: Plane): Promise<Buffer> => {
        const content = randomBytes(sizeBytes)
        await writeFile(alpha.path('source'), content)
        await execute('nbdcopy', ['--flush', alpha.path('source'), uriOf(plane)])
        return content
      }
      expect(await beta.order({ do: 'follow' })).toMatchObject({ say: 'done' })
      expect(await alpha.order({ ...activation, epoch: 1 })).toMatchObject({ say: 'done' })
      await until(() => alpha.condition() === 'paired', limitMs, 'the first copy')

      const first = await copyIn(alpha)
      expect((await readFile(beta.path('data'))).equals(first)).toBe(true)

      beta.kill()
      await copyIn(alpha)
      expect(alpha.condition()).toBe('alone')
      await beta.start()
      await beta.order({ do: 'follow' })
      await until(() => alpha.condition() === 'paired', limitMs, 'the resync')
      expect(await same()).toBe(true)

      const last = await copyIn(alpha)
      alpha.kill()
      const takeover = { ...activation, epoch: 2, wasLast: false, connectMs: 0 }
      const stale = await beta.order({ ...takeover, isCurrent: false })
      expect(stale).toMatchObject({ say: 'refused', because: 'the log calls the other side current' })
      expect(await beta.order(takeover)).toMatchObject({ say: 'done' })
      await until(() => beta.condition() === 'alone', limitMs, 'beta to serve')
      await execute('nbdcopy', [uriOf(beta), beta.path('copy')])
      expect((await readFile(beta.path('copy'))).equals(last)).toBe(true)
    }),
)
