import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { removeGroupsOfDeadHosts } from './control-groups.ts'
import { LabTrouble } from './trouble.ts'
import { within } from './until.ts'

/** Unsharing and a handful of mounts; a second even on a busy machine. */
const startTimeoutMs = 10_000

const program = new URL('host-init.pl', import.meta.url).pathname

/** The namespaces of a running host, held by its first process. They end with it, and it ends with the harness. */
export class HostInit {
  /** As the machine sees it; inside the host it is 1. */
  readonly pid: number
  /** Settles once no process of the host is left. */
  readonly exited: Promise<void>
  readonly #starter: ChildProcess
  readonly #lines: AsyncIterator<string>

  private constructor(starter: ChildProcess, lines: AsyncIterator<string>, pid: number, exited: Promise<void>) {
    this.#starter = starter
    this.#lines = lines
    this.pid = pid
    this.exited = exited
  }

  static async start(name: string, stateDirectory: string): Promise<HostInit> {
    const namespaces = ['--net', '--pid', '--fork', '--mount', '--uts', '--ipc']
    const starter = spawn('unshare', [...namespaces, 'perl', program, name, stateDirectory], {
      stdio: ['pipe', 'pipe', 'pipe'],
      detached: true,
    })
    const exited = once(starter, 'exit').then(removeGroupsOfDeadHosts)
    let complaints = ''
    starter.stderr.setEncoding('utf8').on('data', (text: string) => {
      complaints += text
    })
    starter.stdin.on('error', () => undefined)
    const lines = createInterface({ input: starter.stdout })[Symbol.asyncIterator]()
    const first = await within(startTimeoutMs, `host ${name} to start`, lines.next())
    const pid = Number(/^ready (\d+)$/.exec(String(first.value))?.[1])
    if (!pid) throw new LabTrouble(`host ${name} did not start: ${complaints}`)
    return new HostInit(starter, lines, pid, exited)
  }

  /** Stops or continues every process of the host, in one pass of the kernel. */
  async signalAll(request: 'stop' | 'continue'): Promise<void> {
    this.#starter.stdin?.write(`${request}\n`)
    const answer = await within(startTimeoutMs, `the host to ${request}`, this.#lines.next())
    if (answer.value !== `done ${request}`) throw new LabTrouble(`the host did not ${request}: ${answer.value}`)
  }

  /** Kills every process of the host: the kernel does so when the first one dies. */
  kill(): void {
    try {
      process.kill(this.pid, 'SIGKILL')
    } catch {
      // It is gone already, which is what was wanted.
    }
  }
}
