/** For programs that a guest runs (guest.ts): what no other program may be there for. */
import { closeSync, fsyncSync, openSync, writeSync } from 'node:fs'
import koffi from 'koffi'

const libc = koffi.load(null)
const systemCall = libc.func('long syscall(long, ...)')
/** finit_module(2) of this architecture. */
const finitModule = process.arch === 'x64' ? 313 : 273

/** Loads a module of the guest's kernel; parameters as in `name=value name=value`. */
export const loadModule = (path: string, parameters = ''): void => {
  const file = openSync(path, 'r')
  const result = Number(systemCall(finitModule, 'int', file, 'str', parameters, 'int', 0))
  closeSync(file)
  if (result !== 0) throw new Error(`${path} cannot be loaded (${parameters}): errno ${koffi.errno()}`)
}

/** RB_POWER_OFF. */
export const switchOff = (): void => void libc.func('int reboot(int)')(0x4321fedc)

/** Adds a sentence and what came of it to a report, which outlives a kernel that is gone the next moment. */
export const tell = (report: string, sentence: string, outcome: unknown): void => {
  const file = openSync(report, 'a')
  writeSync(file, `${JSON.stringify([sentence, outcome])}\n`)
  fsyncSync(file)
  closeSync(file)
}
