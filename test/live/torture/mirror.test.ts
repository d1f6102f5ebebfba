/** Many faults, drawn by chance: a mirror disk loses no acknowledged write, and both copies are equal in the end. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { text } from 'node:stream/consumers'
import { expect } from 'vitest'
import { liveTest } from '../lab/live-test.ts'
import type { Need } from '../lab/needs.ts'

const program = new URL('mirror.ts', import.meta.url).pathname
const needs: readonly Need[] = ['lab', 'nats-server', 'losetup', 'mkfs.ext4', 'fuse']
/** A sequence takes some 12 s where two cores are ours. */
const timeoutMs = 900_000

liveTest('a tortured mirror disk loses nothing, 10 times', { needs, timeoutMs, isOnce: true }, async (context) => {
  const options = ['--trials', '10', '--faults', '2']
  const running = spawn(process.execPath, [program, ...options], { stdio: ['ignore', 'ignore', 'pipe'] })
  const [told] = await Promise.all([text(running.stderr), once(running, 'exit')])
  expect(running.exitCode, told).toBe(0)
  await context.annotate(told.trim().split('\n').at(-1) ?? '')
})
