/** The machine that figures were measured on: they mean nothing without it. */
import { execFileSync } from 'node:child_process'
import { closeSync, fdatasyncSync, mkdtempSync, openSync, rmSync, writeSync } from 'node:fs'
import { cpus, loadavg, release, tmpdir, totalmem } from 'node:os'
import { join } from 'node:path'
import { medianOf } from './figure.ts'

export type Machine = {
  readonly processor: string
  readonly processors: number
  readonly memoryGb: number
  readonly kernel: string
  readonly node: string
  readonly natsServer: string
  /** Median time for 4 KiB to be on the disk that holds temporary files. */
  readonly fsyncMs: number
  /** Average over the last minute before the run: anything near the number of processors spoils the figures. */
  readonly load: number
}

const testTools = new URL('../../ops/test-tools', import.meta.url).pathname

/** Puts on PATH what the hosts of the live tests need, as their runner does, and names the log server. */
export const findTools = (): void => {
  const script = 'eval "$("$0")"; printf "%s\\0" "$PATH" "$BATON_NATS_SERVER"'
  const [path, natsServer] = execFileSync('bash', ['-c', script, testTools], { encoding: 'utf8' }).split('\0')
  process.env.PATH = path
  process.env.BATON_NATS_SERVER ??= natsServer
}

export const natsServerPath = (): string => process.env.BATON_NATS_SERVER || 'nats-server'

export const describeMachine = (): Machine => ({
  processor: cpus()[0]?.model.trim() ?? 'unknown',
  processors: cpus().length,
  memoryGb: Math.round(totalmem() / 2 ** 30),
  kernel: release(),
  node: process.version,
  natsServer: execFileSync(natsServerPath(), ['--version'], { encoding: 'utf8' }).trim().replace('nats-server: ', ''),
  fsyncMs: fsyncMs(),
  load: Number((loadavg()[0] ?? 0).toFixed(2)),
})

export const machineInWords = (machine: Machine): string =>
  [
    `${machine.processors} × ${machine.processor}, ${machine.memoryGb} GB, Linux ${machine.kernel}`,
    `Node.js ${machine.node}, nats-server ${machine.natsServer}`,
    `fsync ${machine.fsyncMs} ms, load ${machine.load}`,
  ].join('; ')

const fsyncMs = (): number => {
  const directory = mkdtempSync(join(tmpdir(), 'baton-fsync-'))
  const file = openSync(join(directory, 'file'), 'w')
  const block = Buffer.alloc(4096, 1)
  const times = Array.from({ length: 100 }, () => {
    const began = performance.now()
    writeSync(file, block)
    fdatasyncSync(file)
    return performance.now() - began
  })
  closeSync(file)
  rmSync(directory, { recursive: true })
  return Number(medianOf(times).toFixed(2))
}
