/** Every fault there is, dealt by chance: a mirror disk loses no acknowledged write, and both copies are equal in the end. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { text } from 'node:stream/consumers'
import { describe, expect } from 'vitest'
import { liveTest } from '../lab/live-test.ts'
import type { Need } from '../lab/needs.ts'

const program = new URL('mirror.ts', import.meta.url).pathname
const needs: readonly Need[] = ['lab', 'nats-server', 'losetup', 'mkfs.ext4', 'fuse']
/** A sequence takes some 20 s where two cores are ours. */
const timeoutMs = 900_000

const tortured = (name: string, more: readonly Need[], ...options: readonly string[]): void =>
  liveTest(name, { needs: [...needs, ...more], timeoutMs, isOnce: true }, async (context) => {
    // Enough for every fault to come.
    const all = ['--trials', '10', '--faults', '4', ...options]
    const running = spawn(process.execPath, [program, ...all], { stdio: ['ignore', 'ignore', 'pipe'] })
    const [told] = await Promise.all([text(running.stderr), once(running, 'exit')])
    expect(running.exitCode, told).toBe(0)
    expect(told).not.toContain('which did not')
    await context.annotate(told.trim().split('\n').at(-1) ?? '')
  })

describe('a tortured mirror disk, through every fault there is', () => {
  tortured('loses no block that was acknowledged', [])
  tortured('loses no commit that a database has acknowledged', ['postgres'], '--work', 'database')
})
