/**
 * What an agent tells its guardian: JSON lines over the unix socket `<state>/run/guardian.sock`. The guardian is a
 * process of its own, so that an agent that hangs or dies cannot keep a group running beyond its lease.
 *
 * | from | line | meaning |
 * |---|---|---|
 * | agent | `{"say":"here","pid":…,"startTicks":…}` | I am the agent to watch |
 * | agent | `{"say":"lease","until":…,"graceMs":…}` | groups may run until then (ms of CLOCK_BOOTTIME); I need the grace to take them down |
 * | agent | `{"say":"off"}` | nothing runs: no deadline |
 * | agent | `{"say":"end"}` | I stop on purpose, and nothing runs: end too |
 * | guardian | `{"say":"until","until":…}` | at connect: the deadline that my last agent gave, 0 = none |
 */
import { z } from 'zod'

export const toGuardian = z.discriminatedUnion('say', [
  z.object({ say: z.literal('here'), pid: z.int().positive(), startTicks: z.number() }),
  z.object({ say: z.literal('lease'), until: z.number(), graceMs: z.number().min(0) }),
  z.object({ say: z.literal('off') }),
  z.object({ say: z.literal('end') }),
])
export type ToGuardian = z.infer<typeof toGuardian>

export const fromGuardian = z.object({ say: z.literal('until'), until: z.number() })
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
