/** Many faults, drawn by chance: nothing ever runs twice, and no acknowledged write is lost. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { text } from 'node:stream/consumers'
import { describe, expect, type TestContext } from 'vitest'
import { liveTest } from '../lab/live-test.ts'
import type { Need } from '../lab/needs.ts'

const program = new URL('main.ts', import.meta.url).pathname
const trials = 20
const fencedTrials = 5
/** A trial takes some 8 s where the machine is ours alone. */
const timeoutMs = 900_000
const needs: readonly Need[] = ['lab', 'nats-server', 'losetup', 'mkfs.ext4']

/** What it found, where nothing was wrong. */
const torture = async (context: TestContext, ...options: readonly string[]) => {
  const running = spawn(process.execPath, [program, '--json', ...options], { stdio: ['ignore', 'pipe', 'pipe'] })
  const [told, found] = await Promise.all([text(running.stderr), text(running.stdout), once(running, 'exit')])
  expect(running.exitCode, told).toBe(0)
  const result = JSON.parse(found)
  const { silenceMs, recoveredMs, acknowledgedWrites } = result
  await context.annotate(
    `longest silence: median ${silenceMs.median} ms, worst ${silenceMs.worst}; whole again after median ` +
      `${recoveredMs.median} ms, worst ${recoveredMs.worst}; ${acknowledgedWrites} acknowledged writes`,
  )
  return result
}

describe('a tortured cluster runs its group once at most, loses no acknowledged write and recovers', () => {
  liveTest(`${trials} times`, { needs, timeoutMs, isOnce: true }, async (context) => {
    await torture(context, '--trials', `${trials}`)
  })

  liveTest(
    `${fencedTrials} times, with machines that stand still and are fenced`,
    { needs: [...needs, 'ipmi'], timeoutMs, isOnce: true },
    async (context) => {
      const { trialsWithFreeze } = await torture(context, '--fenced', '--trials', `${fencedTrials}`)
      expect(trialsWithFreeze).toBeGreaterThan(0)
    },
  )
})
