import { describe, expect, test } from 'vitest'
import { type AlertSinkOptions, alertSink } from '../../../src/agents/alerts/sink.ts'
import type { AlertTarget } from '../../../src/agents/alerts/target.ts'
import { type Recorded, type Sequence, sequence } from '../../../src/events/index.ts'
import type { Alert } from '../../../src/projections/alerts.ts'
import { fold, initialState, type State } from '../../../src/projections/state.ts'
import type { Files } from '../../../src/world/world.ts'
import { fact, storyOf } from '../../recorded-log.ts'
import { hastyClock } from './some-alerts.ts'

/** A log whose every commit tells exactly one alert. */
const log: readonly Recorded[] = storyOf(
  Array.from({ length: 12 }, (_, index) => [fact(index % 2 === 0 ? 'ClusterSuspended' : 'ClusterResumed')] as const),
)
const stateBefore = (at: number): State => fold(initialState, log.slice(0, at - 1))
const endAt = (n: number) => () => sequence(n)

/** A disk and a collector that outlive the process, and a process that may die between any two steps. */
const machine = () => {
  /** It has been started before, and nothing was there to tell. */
  const disk = new Map([['cursor', '0\n']])
  const arrived: number[] = []
  let stepsLeft = Number.POSITIVE_INFINITY
  /** Dead processes do nothing more: their promises never come back. */
  const step = (effect: () => void): Promise<void> => {
    if (stepsLeft <= 0) return new Promise(() => undefined)
    stepsLeft -= 1
    effect()
    return stepsLeft <= 0 ? new Promise(() => undefined) : Promise.resolve()
  }
  const files = {
    read: async (path: string) => disk.get(path) ?? null,
    writeDurably: async (path: string, content: string) => {
      // It may die before the rename, or right after it.
      await step(() => undefined)
      await step(() => {
        disk.set(path, content)
      })
    },
  } as unknown as Files
  const target: AlertTarget = {
    name: 'collector',
    send: async (alerts) => {
      for (const alert of alerts) await step(() => arrived.push(alert.sequence))
    },
    close: () => undefined,
  }
  return {
    disk,
    arrived,
    dieAfter: (steps: number) => {
      stepsLeft = steps
    },
    steps: () => stepsLeft,
    boot: (options: Partial<AlertSinkOptions> = {}) =>
      alertSink(
        { clock: hastyClock, files },
        { cursorFile: 'cursor', targets: [target], endOfLog: endAt(0), ...options },
      ),
  }
}

/** Long enough for everything that is under way, which may never end. */
const settle = async (): Promise<void> => {
  for (let turn = 0; turn < 200; turn++) await Promise.resolve()
}

const feed = (sink: Awaited<ReturnType<typeof alertSink>>, from: number, to: number, size = 3): void => {
  for (let at = from; at <= to; at += size) sink.accept(log.slice(at - 1, Math.min(to, at + size - 1)), stateBefore(at))
}
const upTo = (n: number, from = 1) => Array.from({ length: n - from + 1 }, (_, index) => index + from)

describe('alerts', () => {
  test('arrive in the order of the log, each once', async () => {
    const { boot, arrived } = machine()
    const sink = await boot()
    feed(sink, 1, 12)
    await sink.idle()
    expect(arrived).toEqual(upTo(12))
    expect(sink.status()).toEqual({ queued: 0, sent: 12, dropped: 0, troubles: {} })
    expect(sink.position()).toBe(12)
  })

  test('of a log that is read again after a restart do not arrive again', async () => {
    const { boot, arrived } = machine()
    const first = await boot()
    feed(first, 1, 7)
    await first.idle()
    await first.close()
    const second = await boot()
    feed(second, 1, 12, 4)
    await second.idle()
    expect(arrived).toEqual(upTo(12))
  })

  test('never arrive twice, and those of one batch at most are lost, wherever the process dies', async () => {
    for (let steps = 1; steps < 60; steps++) {
      const { boot, arrived, dieAfter } = machine()
      dieAfter(steps)
      const first = await boot()
      for (let at = 1; at <= 8; at++) {
        feed(first, at, at)
        await settle()
      }
      dieAfter(Number.POSITIVE_INFINITY)
      const second = await boot()
      feed(second, 1, 12, 5)
      await second.idle()
      expect(arrived).toEqual([...new Set(arrived)].toSorted((a, b) => a - b))
      // Each commit was a batch of its own here.
      expect(arrived.length).toBeGreaterThanOrEqual(11)
    }
  })

  test('of a burst are lost together at most, and never doubled, wherever the process dies', async () => {
    for (let steps = 1; steps < 20; steps++) {
      const { boot, arrived, dieAfter } = machine()
      dieAfter(steps)
      const first = await boot()
      feed(first, 1, 8, 8)
      await settle()
      dieAfter(Number.POSITIVE_INFINITY)
      const second = await boot()
      feed(second, 1, 12, 12)
      await second.idle()
      expect(arrived).toEqual([...new Set(arrived)].toSorted((a, b) => a - b))
      expect(arrived.slice(-4)).toEqual(upTo(12, 9))
    }
  })
})

describe('the first start of a server', () => {
  test('tells nothing of what was before it', async () => {
    const { boot, arrived, disk } = machine()
    disk.clear()
    const sink = await boot({ endOfLog: endAt(7) })
    feed(sink, 1, 12, 5)
    await sink.idle()
    expect(arrived).toEqual(upTo(12, 8))
    expect(disk.get('cursor')).toBe('12\n')
  })

  test('is remembered although there was nothing to tell', async () => {
    const { boot, arrived, disk } = machine()
    disk.clear()
    const first = await boot({ endOfLog: endAt(7) })
    feed(first, 1, 7)
    await first.idle()
    // By the second start the log has grown: what came meanwhile is news.
    const second = await boot({ endOfLog: endAt(12) })
    feed(second, 1, 12)
    await second.idle()
    expect(arrived).toEqual(upTo(12, 8))
  })

  test('waits to learn where the log ends', async () => {
    const { boot, arrived, disk } = machine()
    disk.clear()
    let end = 0
    const sink = await boot({ endOfLog: () => sequence(end) })
    feed(sink, 1, 6)
    end = 8
    feed(sink, 7, 12)
    await sink.idle()
    expect(arrived).toEqual(upTo(12, 9))
  })

  test('and one whose cursor is damaged are the same', async () => {
    const { boot, arrived, disk } = machine()
    disk.set('cursor', '\0\0\0')
    const troubles: string[] = []
    const sink = await boot({ endOfLog: endAt(10), trouble: (what) => troubles.push(what) })
    feed(sink, 1, 12)
    await sink.idle()
    expect(arrived).toEqual([11, 12])
    expect(troubles).toHaveLength(1)
  })
})

describe('trouble', () => {
  const collecting = () => {
    const alerts: Alert[] = []
    const target: AlertTarget = {
      name: 'collector',
      send: async (batch) => {
        alerts.push(...batch)
      },
      close: () => undefined,
    }
    return { alerts, target }
  }
  const failing: AlertTarget = {
    name: 'broken',
    send: () => Promise.reject(new Error('unreachable')),
    close: () => undefined,
  }

  test('of one target is no matter of the others, and told once', async () => {
    const { boot } = machine()
    const { alerts, target } = collecting()
    const troubles: string[] = []
    const sink = await boot({ targets: [failing, target], trouble: (what) => troubles.push(what) })
    for (let at = 1; at <= 12; at++) {
      feed(sink, at, at)
      await sink.idle()
    }
    expect(alerts).toHaveLength(12)
    expect(troubles).toEqual(['alerts do not get to broken'])
    expect(sink.status().troubles.broken).toBe(12)
  })

  test('of a target that never answers keeps nobody from reading: what finds no room is counted and told', async () => {
    const { boot } = machine()
    const { alerts, target } = collecting()
    let answer: () => void = () => undefined
    const slow: AlertTarget = {
      ...target,
      send: async (batch) => {
        await new Promise<void>((resolve) => {
          answer = resolve
        })
        await target.send(batch)
      },
    }
    const sink = await boot({ targets: [slow], queueLimit: 3 })
    sink.accept(log.slice(0, 1), stateBefore(1))
    await settle()
    for (let at = 2; at <= 12; at++) sink.accept(log.slice(at - 1, at), stateBefore(at))
    for (let turn = 0; turn < 5; turn++) {
      answer()
      await settle()
    }
    expect(alerts.map((alert) => `${alert.module}/${alert.id} ${alert.sequence}`)).toEqual([
      'cl/10 1',
      'cl/11 2',
      'cl/10 3',
      'cl/11 4',
      'log/20 12',
    ])
    expect(alerts.at(-1)?.message).toBe('8 alerts are missing here: they came faster than they could be written.')
    expect(sink.status().dropped).toBe(8)
  })

  test('of the disk makes alerts wait: none is sent that a restart would not know of', async () => {
    const disk = new Map<string, string>()
    let isFull = true
    const files = {
      read: async () => '0\n',
      writeDurably: async (path: string, content: string) => {
        if (isFull) throw new Error('no space left on device')
        disk.set(path, content)
      },
    } as unknown as Files
    const waiting: (() => void)[] = []
    const after = (_: number, run: () => void) => {
      waiting.push(run)
      return () => undefined
    }
    const clock = { ...hastyClock, after }
    const { alerts, target } = collecting()
    const options = { cursorFile: 'cursor', targets: [target], endOfLog: endAt(0) }
    const sink = await alertSink({ clock, files }, options)
    feed(sink, 1, 4)
    await settle()
    expect(alerts).toEqual([])
    isFull = false
    for (const run of waiting) run()
    await sink.idle()
    expect(alerts).toHaveLength(4)
  })

  test('of reading: commits that were passed over are told of', async () => {
    const { boot, disk } = machine()
    const { alerts, target } = collecting()
    disk.set('cursor', '3\n')
    const sink = await boot({ targets: [target] })
    feed(sink, 8, 9)
    await sink.idle()
    expect(alerts.map(({ message }) => message)[0]).toBe(
      'Alerts of log sequences 4 to 7 are missing here: they were not read.',
    )
    expect(alerts).toHaveLength(3)
  })
})

test('other targets take over where those before left off', async () => {
  const { boot, arrived } = machine()
  const sink = await boot()
  feed(sink, 1, 6)
  await sink.idle()
  const seen: Sequence[] = []
  sink.retarget([
    { name: 'other', send: async (batch) => void seen.push(...batch.map((alert) => alert.sequence)), close: () => {} },
  ])
  feed(sink, 7, 12)
  await sink.idle()
  expect(arrived).toEqual(upTo(6))
  expect(seen).toEqual(upTo(12, 7))
})
