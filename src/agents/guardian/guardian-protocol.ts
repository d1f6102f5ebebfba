/**
 * What an agent tells its guardian: JSON lines over the unix socket `<state>/run/guardian.sock`. The guardian is a
 * process of its own, so that an agent that hangs or dies cannot keep a group running beyond its lease.
 *
 * | from | line | meaning |
 * |---|---|---|
 * | agent | `{"say":"here","pid":…,"startTicks":…}` | I am the agent to watch |
 * | agent | `{"say":"lease","until":…,"graceMs":…,"guardianMs":…,"resetMs":…}` | groups may run until then (ms of CLOCK_BOOTTIME); then the shares of `release-budget.ts`: mine, yours, the reset's |
 * | agent | `{"say":"watchdog","device":…,"timeoutMs":…,"mostMs":…,"pretimeoutMs":…}` | feed this device, if its time-out is at most that; null = none |
 * | agent | `{"say":"ping","number":…}` | answer me |
 * | agent | `{"say":"off"}` | nothing runs: no deadline |
 * | agent | `{"say":"end"}` | I stop on purpose, and nothing runs: end too |
 * | guardian | `{"say":"until","until":…,"pid":…,"startTicks":…,"takenDown":…}` | at connect: the lease that my last agent gave, 0 = none; who I am; what I took down since an agent was here |
 * | guardian | `{"say":"pong","number":…,"watchdog":{…}}` | I answer, and this is the watchdog |
 *
 * Agent and guardian may be of different versions while software is replaced: fields that came later are optional,
 * and a guardian that does not say who it is (before 0.2) is not expected to answer pings.
 */
import { z } from 'zod'
import { decode } from '../../events/index.ts'

export const toGuardian = z.discriminatedUnion('say', [
  z.object({ say: z.literal('here'), pid: z.int().positive(), startTicks: z.number() }),
  z.object({
    say: z.literal('lease'),
    until: z.number(),
    graceMs: z.number().min(0),
    guardianMs: z.number().min(0).default(5000),
    resetMs: z.number().min(0).default(0),
  }),
  z.object({
    say: z.literal('watchdog'),
    device: z.string().nullable(),
    timeoutMs: z.number().positive(),
    mostMs: z.number().positive(),
    pretimeoutMs: z.number().positive().nullable(),
  }),
  z.object({ say: z.literal('ping'), number: z.int() }),
  z.object({ say: z.literal('off') }),
  z.object({ say: z.literal('end') }),
])
export type ToGuardian = z.infer<typeof toGuardian>

/** What there is of a watchdog. `armed`: without us the machine is reset. */
export const watchdogReport = z.object({
  armed: z.boolean(),
  device: z.string().nullable(),
  /** What the driver calls itself. */
  identity: z.string(),
  timeoutMs: z.number(),
  /** Why there is none; empty when it is armed. */
  because: z.string(),
})
export type WatchdogReport = z.infer<typeof watchdogReport>

/** What an agent left running beyond its lease, and the guardian took down. Times: ms of CLOCK_BOOTTIME. */
const takenDown = z.object({
  until: z.number(),
  /** Null = not yet. */
  offAt: z.number().nullable(),
  groups: z.array(decode.group),
})
export type TakenDown = z.infer<typeof takenDown>

export const fromGuardian = z.discriminatedUnion('say', [
  z.object({
    say: z.literal('until'),
    until: z.number(),
    pid: z.int().positive().optional(),
    startTicks: z.number().optional(),
    takenDown: takenDown.optional(),
  }),
  z.object({ say: z.literal('pong'), number: z.int(), watchdog: watchdogReport }),
])
export type FromGuardian = z.infer<typeof fromGuardian>

/** Splits a stream of text into lines and decodes each; what is no such line is dropped. */
export const lineReader = <T>(schema: z.ZodType<T>, heard: (message: T) => void): ((chunk: string) => void) => {
  let rest = ''
  return (chunk) => {
    const lines = (rest + chunk).split('\n')
    rest = (lines.pop() ?? '').slice(-4096)
    for (const line of lines) {
      const message = decodeLine(schema, line)
      if (message !== null) heard(message)
    }
  }
}

const decodeLine = <T>(schema: z.ZodType<T>, line: string): T | null => {
  try {
    const parsed = schema.safeParse(JSON.parse(line))
    return parsed.success ? parsed.data : null
  } catch {
    return null
  }
}
