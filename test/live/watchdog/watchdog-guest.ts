/**
 * Runs on a kernel that has softdog as a module, booted for it: `node watchdog-guest.ts MODULE REPORT`. That kernel lives
 * twice: the watchdog resets it at the end of its first life, and makes it panic at the end of the second.
 */
import { execFileSync } from 'node:child_process'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { setTimeout as pause } from 'node:timers/promises'
import { type OpenWatchdog, realWatchdogs } from '../../../src/world/watchdog.ts'
import { loadModule, tell } from '../lab/in-guest.ts'
import { now } from '../lab/until.ts'

const [module = '', report = ''] = process.argv.slice(2)
const timeoutMs = 2000
/** It would have been reset by then. */
const beyondMs = 1.5 * timeoutMs
/** It will have been. */
const longMs = 30_000
const settings = { timeoutMs, pretimeoutMs: 1000 }
const device = '/run/watchdog'

/** This kernel has a legacy driver at 10:130, so the other one is known by its class alone. */
const load = (parameters: string): void => {
  loadModule(module, parameters)
  const [name = ''] = readdirSync('/sys/class/watchdog')
  execFileSync('mknod', [device, 'c', ...readFileSync(`/sys/class/watchdog/${name}/dev`, 'utf8').trim().split(':')])
}

const opened = (): OpenWatchdog => {
  const answer = realWatchdogs.open(device, settings)
  if ('refused' in answer) throw new Error(answer.refused)
  return answer
}

const pass = async (ms: number, meanwhile = (): void => undefined): Promise<void> => {
  for (const until = now() + ms; now() < until; await pause(timeoutMs / 10)) meanwhile()
}

const firstLife = async (): Promise<void> => {
  load('nowayout=0')
  const watchdog = opened()
  const { identity, pretimeoutMs } = watchdog
  tell(report, 'opened', { identity, timeoutMs: watchdog.timeoutMs, pretimeoutMs })
  await pass(beyondMs, watchdog.feed)
  tell(report, 'fed, it lives', true)
  tell(report, 'opened by somebody else meanwhile', realWatchdogs.open(device, settings))
  tell(report, 'disarmed', watchdog.disarm())
  await pass(beyondMs)
  tell(report, 'disarmed, it lives', true)
  opened()
  tell(report, 'not fed', true)
  await pass(longMs)
  tell(report, 'not fed, it lives', true)
}

const secondLife = async (): Promise<void> => {
  tell(report, 'it lives again', true)
  load('nowayout=1 soft_panic=1')
  tell(report, 'disarmed though nothing stops it', opened().disarm())
  await pass(longMs)
  tell(report, 'it lives for ever', true)
}

await (existsSync(report) ? secondLife() : firstLife()).catch((error: unknown) => tell(report, 'failed', String(error)))
