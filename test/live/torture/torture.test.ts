/** Many faults, drawn by chance: nothing ever runs twice, and no acknowledged write is lost. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { text } from 'node:stream/consumers'
import { describe, expect } from 'vitest'
import { liveTest } from '../lab/live-test.ts'

const program = new URL('main.ts', import.meta.url).pathname
const trials = 20
/** A trial takes some 8 s where the machine is ours alone. */
const timeoutMs = 900_000

describe('a tortured cluster', () => {
  liveTest(
    `runs its group once at most, loses no acknowledged write and recovers, ${trials} times`,
    { needs: ['lab', 'nats-server', 'losetup', 'mkfs.ext4'], timeoutMs },
    async (context) => {
      const torture = spawn(process.execPath, [program, '--trials', String(trials), '--json'], {
        stdio: ['ignore', 'pipe', 'pipe'],
      })
      const [told, found] = await Promise.all([text(torture.stderr), text(torture.stdout), once(torture, 'exit')])
      expect(torture.exitCode, told).toBe(0)
      const { silenceMs, recoveredMs, acknowledgedWrites } = JSON.parse(found)
      await context.annotate(
        `longest silence: median ${silenceMs.median} ms, worst ${silenceMs.worst}; whole again after median ` +
          `${recoveredMs.median} ms, worst ${recoveredMs.worst}; ${acknowledgedWrites} acknowledged writes`,
      )
    },
  )
})
