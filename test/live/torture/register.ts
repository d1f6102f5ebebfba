/** A register in the group: every write that was acknowledged must be there at the end, and none out of turn. */
import { readFile } from 'node:fs/promises'
import type { Part } from '../cluster/configuration.ts'
import type { Host } from '../lab/host.ts'
import type { HostProcess } from '../lab/host-process.ts'
import { within } from '../lab/until.ts'

const server = new URL('register-server.pl', import.meta.url).pathname
const client = new URL('register-client.pl', import.meta.url).pathname

const port = 8180
const intervalMs = 10
/** Below the first repetition of a lost SYN, so that an answer is never to a repeated one. */
const timeoutMs = 250
const endMs = 5000

/** The register as a resource; `file` is the disk that every server shares. */
export const registerResource = (file: string, after: readonly string[]): Part => ({
  type: 'exec',
  start: `exec perl ${server} ${port} ${file}`,
  after,
  activation: { timeout: '10s' },
  deactivation: { timeout: '5s' },
})

export type RegisterFindings = {
  readonly acknowledged: number
  /** Acknowledged numbers that are not in the register. */
  readonly lost: readonly number[]
  /** Lines of an older ownership below one of a newer. */
  readonly outOfTurn: readonly string[]
}

/** Writes as fast as the register takes it, from the client's host, until it is stopped. */
export class RegisterClient {
  readonly #acknowledged: number[] = []
  readonly #process: Promise<HostProcess>

  constructor(host: Host, address: string, first: number) {
    this.#process = host.spawn(['perl', client, address, port, first, intervalMs, timeoutMs].map(String), {
      keepInputOpen: true,
      onLine: (line) => this.#acknowledged.push(Number(line.slice('ok '.length))),
    })
  }

  get acknowledged(): readonly number[] {
    return this.#acknowledged
  }

  async stop(): Promise<void> {
    const process = await this.#process
    process.endInput()
    await within(endMs, 'the writing to end', process.exited)
  }
}

/** Holds the register against what its clients were told. */
export const examineRegister = async (file: string, acknowledged: readonly number[]): Promise<RegisterFindings> => {
  const text = await readFile(file, 'utf8').catch(() => '')
  const lines = text.split('\n').filter((line) => line !== '')
  const present = new Set<number>()
  const outOfTurn: string[] = []
  let newest = 0
  for (const line of lines) {
    const [number, epoch] = line.split(' ').map(Number)
    if (number === undefined || epoch === undefined) continue
    present.add(number)
    if (epoch < newest) outOfTurn.push(`${line} (below epoch ${newest})`)
    newest = Math.max(newest, epoch)
  }
  return {
    acknowledged: acknowledged.length,
    lost: acknowledged.filter((number) => !present.has(number)),
    outOfTurn,
  }
}
