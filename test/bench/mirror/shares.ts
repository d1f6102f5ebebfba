/** Who had the processors while a mirrored disk was worked on: shows what a ratio is bound by. */
import { readFile } from 'node:fs/promises'
import type { MirroredPlace } from './places.ts'

/** Of all the time that this machine's processors had, 0 to 1; together 1. `others`: whoever writes, and the kernel for both. */
export type Shares = {
  readonly active: number
  readonly standby: number
  readonly others: number
  readonly idle: number
}

/** The time of each in clock ticks, since it or the machine began. */
const ticks = async (place: MirroredPlace) => {
  const [machine = ''] = (await readFile('/proc/stat', 'utf8')).split('\n')
  const [user = 0, nice = 0, system = 0, idle = 0, waiting = 0, ...rest] = machine.split(/\s+/).slice(1).map(Number)
  const [interrupts = 0, softInterrupts = 0] = rest
  const busy = user + nice + system + interrupts + softInterrupts
  const [active, standby] = await Promise.all([place.active.pid, place.standby.pid].map(ofProcess))
  return { busy, idle: idle + waiting, active: active ?? 0, standby: standby ?? 0 }
}

/** See proc_pid_stat(5): after the name, which may contain anything, the 14th and the 15th field. */
const ofProcess = async (pid: number | undefined): Promise<number> => {
  const text = await readFile(`/proc/${pid}/stat`, 'utf8')
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ')
  return Number(fields[11]) + Number(fields[12])
}

/** Does `work`, and tells who had the processors meanwhile. */
export const sharing = async <T>(place: MirroredPlace, work: () => Promise<T>) => {
  const before = await ticks(place)
  const found = await work()
  const after = await ticks(place)
  const all = after.busy + after.idle - before.busy - before.idle
  const active = (after.active - before.active) / all
  const standby = (after.standby - before.standby) / all
  const idle = (after.idle - before.idle) / all
  const shares: Shares = { active, standby, idle, others: Math.max(0, 1 - active - standby - idle) }
  return { found, shares }
}

/** For people: the mean of several. */
export const sharesText = (list: readonly Shares[]): string => {
  const mean = (of: keyof Shares) =>
    `${((100 * list.reduce((sum, one) => sum + one[of], 0)) / list.length).toFixed(0)} %`
  return `the processors' time on the mirror: active side ${mean('active')}, other side ${mean('standby')}, writers and kernel ${mean('others')}, idle ${mean('idle')}`
}
