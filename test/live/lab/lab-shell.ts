import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { LabTrouble } from './trouble.ts'
import { within } from './until.ts'

/** A step is a few `ip` calls; the kernel takes tens of milliseconds for the slowest. */
const stepTimeoutMs = 20_000

/** Two mirror disks on two servers are eight. */
const mostHeldFiles = 16

/**
 * The one process of the lab's own network namespace: a shell that runs what it is told, and whose life is the
 * namespace's. It reads from the harness, so it ends when the harness does, however that ends.
 */
export class LabShell {
  readonly #child: ChildProcess
  readonly #exited: Promise<unknown>
  #last: Promise<unknown> = Promise.resolve()
  #steps = 0
  #heldFiles = 0
  #output = ''
  #wake: () => void = () => undefined

  constructor() {
    // Its own session: Ctrl-C is for the harness, which then ends the lab in order.
    // It is bash that holds more files than there are digits.
    this.#child = spawn('unshare', ['--net', 'bash', '--noprofile', '--norc'], {
      stdio: ['pipe', 'pipe', 'pipe'],
      detached: true,
    })
    this.#exited = once(this.#child, 'close').then(() => this.#wake())
    this.#child.stdin?.on('error', () => undefined)
    for (const stream of [this.#child.stdout, this.#child.stderr]) {
      stream?.setEncoding('utf8').on('data', (text: string) => {
        this.#output += text
        this.#wake()
      })
    }
  }

  get pid(): number {
    return this.#child.pid ?? 0
  }

  /** Runs a script in the lab's network namespace; steps run one after the other. Any command's failure fails it. */
  async execute(script: string): Promise<string> {
    return this.#step(`(\nset -e\n${script}\n) </dev/null 2>&1`, script)
  }

  /** Keeps a file open as long as the lab lives. */
  async hold(path: string): Promise<void> {
    if (this.#heldFiles >= mostHeldFiles) throw new LabTrouble(`a lab has at most ${mostHeldFiles} disks`)
    this.#heldFiles += 1
    await this.#step(`exec {held}<'${path}'`, `hold ${path}`)
  }

  async end(): Promise<void> {
    this.#child.stdin?.end()
    await within(stepTimeoutMs, 'the lab shell to end', this.#exited)
  }

  /** For when nothing may be awaited any more. */
  kill(): void {
    this.#child.kill('SIGKILL')
  }

  async #step(commands: string, what: string): Promise<string> {
    const step = this.#last.then(() => within(stepTimeoutMs, `the lab to do: ${what}`, this.#send(commands, what)))
    this.#last = step.catch(() => undefined)
    return step
  }

  async #send(commands: string, what: string): Promise<string> {
    const mark = `--- step ${++this.#steps} ended with`
    this.#output = ''
    this.#child.stdin?.write(`${commands}\necho "${mark} $?"\n`)
    for (;;) {
      const [output, code] = this.#output.split(mark)
      if (code?.includes('\n')) {
        if (Number(code) === 0) return output ?? ''
        throw new LabTrouble(`the lab could not do:\n${what}\nit said:\n${output}`)
      }
      if (this.#child.exitCode !== null || this.#child.signalCode !== null) {
        throw new LabTrouble(`the lab's namespace ended while doing:\n${what}\nit said:\n${this.#output}`)
      }
      await new Promise<void>((resolve) => {
        this.#wake = resolve
      })
    }
  }
}
