/** How fast an exported log is replayed, checked and folded, and in how much memory. */
import { execFileSync } from 'node:child_process'
import { hash as digestOf } from 'node:crypto'
import { closeSync, mkdtempSync, openSync, rmSync, writeSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { readLogFile } from '../../src/cli/log-file.ts'
import { formatHeader, formatRecorded } from '../../src/events/exported-log.ts'
import {
  type BatonEvent,
  type Commit,
  commitId,
  encodeCommit,
  epochOf,
  groupName,
  type Hash,
  incarnation,
  monitorName,
  resourceName,
  sequence,
  serverName,
  storedConfiguration,
  wallTime,
} from '../../src/events/index.ts'
import { foldInPlace, freshState, type State } from '../../src/projections/state.ts'
import type { Figure } from './figure.ts'

const targetBytes = 500
const groupsCount = 20
const epoch = epochOf(sequence(3))
const startMs = 1_760_000_000_000

const group = (n: number) => groupName(`g${n % groupsCount}`)
const configuration = storedConfiguration.parse({
  cluster: 'bench',
  servers: [
    { name: 's1', addresses: { lan: '10.0.0.1' } },
    { name: 's2', addresses: { lan: '10.0.0.2' } },
  ],
  groups: Object.fromEntries(
    Array.from({ length: groupsCount }, (_, n) => [
      group(n),
      { servers: ['s1', 's2'], resources: { pg: { type: 'exec', start: '/bin/pg' } } },
    ]),
  ),
})

const first = (n: number): readonly [BatonEvent, ...BatonEvent[]] => {
  if (n === 1)
    return [
      { type: 'ClusterCreated', data: { cluster: 'bench' } },
      { type: 'ConfigurationApplied', data: { version: 1, configuration, source: '', note: '' } },
    ]
  if (n === 2)
    return [
      { type: 'ServerJoined', data: { server: serverName('s1'), incarnation: incarnation(1), boot: 'b', heardBy: [] } },
    ]
  const assigned = Array.from({ length: groupsCount }, (_, g): BatonEvent => {
    return {
      type: 'GroupAssigned',
      data: { group: group(g), server: serverName('s1'), reason: 'startup', verdicts: [] },
    }
  })
  return assigned as [BatonEvent, ...BatonEvent[]]
}

/** What fills a busy cluster's log: activations, outcomes, verdicts of monitors. */
const busy = (n: number): BatonEvent => {
  const which = { group: group(n), resource: resourceName('pg'), epoch }
  switch (n % 4) {
    case 0:
      return { type: 'ActivationStarted', data: { ...which, attempt: 1 } }
    case 1:
      return { type: 'ResourceActivated', data: { ...which, attempt: 1, durationMs: n % 977, adopted: false } }
    case 2:
      return { type: 'ResourceLost', data: { ...which, because: 'process 4711 ended with code 1' } }
    default:
      return {
        type: 'MonitorVerdictChanged',
        data: {
          monitor: monitorName('pgw'),
          server: serverName('s1'),
          verdict: n % 8 < 4 ? 'normal' : 'error',
          because: 'exit code 1',
          elapsedMs: 12,
          starved: false,
        },
      }
  }
}

const commitOf = (n: number): Commit => {
  const commit: Commit = {
    id: commitId(`commit${String(n).padStart(16, '0')}`),
    by: 'server:s1',
    at: wallTime(startMs + n * 100),
    causedBy: n === 1 ? null : sequence(n - 1),
    because: { probe: 'accepting connections', attempt: 1, pressure: { cpu: 0.31, io: 1.25, memory: 0 } },
    events: n <= 3 ? first(n) : [busy(n)],
  }
  const hashBytes = 60
  const filler = targetBytes - JSON.stringify(commit).length - hashBytes
  return filler > 8 ? { ...commit, because: { ...commit.because, note: 'x'.repeat(filler - 10) } } : commit
}

/** Writes a log of `commits` commits of about 500 bytes; answers its size. */
export const writeBenchLog = (path: string, commits: number): number => {
  const file = openSync(path, 'w')
  let lines = [formatHeader('bench')]
  let size = 0
  let previous = '' as Hash
  for (let n = 1; n <= commits; n += 1) {
    const bytes = encodeCommit(commitOf(n), previous)
    const position = { sequence: sequence(n), hash: digestOf('sha256', bytes, 'base64url') as Hash }
    lines.push(formatRecorded({ position, previous, bytes, commit: commitOf(n) }))
    previous = position.hash
    if (lines.length < 10_000 && n < commits) continue
    size += writeSync(file, `${lines.join('\n')}\n`)
    lines = []
  }
  closeSync(file)
  return size
}

/** Replays a file to its end; for a process of its own, so that the memory is the replay's. */
export const replayFile = async (path: string): Promise<{ state: State; elapsedMs: number; peakRssMb: number }> => {
  const started = performance.now()
  const state = freshState()
  for await (const batch of readLogFile(path, 0)) foldInPlace(state, batch)
  const elapsedMs = performance.now() - started
  return { state, elapsedMs, peakRssMb: process.resourceUsage().maxRSS / 1024 }
}

const commits = 1_000_000
const targetPerSecond = 150_000

/** Generates a log of a million commits and replays it in fresh processes: the rate, and the peak of memory. */
export const benchReplay = async (trials: number, progress: (text: string) => void): Promise<readonly Figure[]> => {
  const directory = mkdtempSync(join(tmpdir(), 'baton-bench-'))
  try {
    const path = join(directory, 'bench.log')
    progress(`replay: writing a log of ${commits} commits`)
    const size = writeBenchLog(path, commits)
    const rates: number[] = []
    const memory: number[] = []
    for (let trial = 0; trial < trials; trial++) {
      const printed = execFileSync(process.execPath, [import.meta.filename, path], { encoding: 'utf8' })
      const measured = JSON.parse(printed) as { sequence: number; elapsedMs: number; peakRssMb: number }
      if (measured.sequence !== commits) throw new Error(`replay ended at ${measured.sequence} of ${commits}`)
      rates.push((commits / measured.elapsedMs) * 1000)
      memory.push(measured.peakRssMb)
      progress(`replay: ${rates.at(-1)?.toFixed(0)} commits/s, peak ${measured.peakRssMb.toFixed(0)} MB`)
    }
    const note = `${commits} commits of ${Math.round(size / commits)} B, read from an exported log, checked and folded`
    return [
      { name: 'replay', unit: 'commits/s', values: rates, target: { atLeast: targetPerSecond }, note },
      { name: 'replay, peak of memory', unit: 'MB', values: memory },
    ]
  } finally {
    rmSync(directory, { recursive: true })
  }
}

/** The process of its own: replays the file that is named. */
if (import.meta.main) {
  const { state, elapsedMs, peakRssMb } = await replayFile(process.argv[2] ?? '')
  console.log(
    JSON.stringify({ sequence: state.position.sequence, anomalies: state.anomalies.length, elapsedMs, peakRssMb }),
  )
}
