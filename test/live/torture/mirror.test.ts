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

/** Enough for every fault to come. */
const all = ['--trials', '10', '--faults', '4']
/** Half of them, dealt anew in each run: databases take their time. */
const half = ['--trials', '5', '--faults', '4']

/** What is queued, and how it comes to be lost, to overflow, or to have to arrive; in three sequences. */
const queueing = [
  'more is written than a slow mirror connect takes',
  'the mirror connect is slow',
  'the active server is switched off',
  'every network between the two is cut',
  'the data plane of s2 is slow',
  'the group is moved',
]
const ofQueue = ['--trials', '3', '--faults', '2', ...queueing.flatMap((name) => ['--only', name])]

const eachFaultRan = /\b(\d+) of \1 faults: nothing was lost/

const tortured = (name: string, more: readonly Need[], options: readonly string[], saying: readonly RegExp[]): void =>
  liveTest(name, { needs: [...needs, ...more], timeoutMs, isOnce: true }, async (context) => {
    const running = spawn(process.execPath, [program, ...options], { stdio: ['ignore', 'ignore', 'pipe'] })
    const [told] = await Promise.all([text(running.stderr), once(running, 'exit')])
    expect(running.exitCode, told).toBe(0)
    for (const words of saying) expect(told).toMatch(words)
    await context.annotate(told.trim().split('\n').at(-1) ?? '')
  })

describe('a tortured mirror disk', () => {
  tortured('loses no block that was acknowledged, through every fault there is', [], all, [eachFaultRan])
  tortured(
    'loses no commit that a database has acknowledged, through half of them',
    ['postgres', 'pgbench'],
    [...half, '--work', 'database'],
    [/faults: nothing was lost/],
  )
})

describe('a tortured mirror disk that is asynchronous', () => {
  const options = [...ofQueue, '--work', 'database', '--mode', 'async']
  tortured(
    'loses no commit of a database but with the side that served, though its queue is full',
    ['postgres', 'pgbench'],
    options,
    [eachFaultRan, /the queue was full [1-9]/],
  )
})
