/** What deciding adds to storing: `EventLog.append` against a bare publish to the same stream, block by block in turn. */
import { randomBytes } from 'node:crypto'
import { jetstream } from '@nats-io/jetstream'
import {
  type Commit,
  commitId,
  encodeCommit,
  type Position,
  sequence,
  start,
  voterName,
  wallTime,
} from '../../src/events/index.ts'
import { streamName, subjectOf } from '../../src/events/jetstream-stream.ts'
import { until } from '../live/lab/until.ts'
import { cluster, openLogLab } from '../live/log/log-lab.ts'
import { type Figure, medianOf } from './figure.ts'

const commitBytes = 500
const perBlock = 100
/** Both sides take turns so often: what else the machine does then meets both. */
const blocksPerTrial = 4
const leadMs = 20_000

export const benchAppend = async (trials: number, progress: (text: string) => void): Promise<readonly Figure[]> => {
  const lab = await openLogLab({ voters: ['v1', 'v2', 'v3'] })
  try {
    const log = await lab.open('v1')
    const { nats } = await lab.connect('v1')
    const bare = jetstream(nats)
    // As in a cluster with a witness: whoever decides is not on the leader's machine.
    await until(() => log.status().reachable, leadMs, 'the log to be known')
    if (log.status().leader !== 'v3') await log.moveLeader(voterName('v3'))
    await until(() => log.status().leader === 'v3', leadMs, 'v3 to lead the log')
    let end: Position = start
    const appendOne = async () => {
      const result = await log.append(end, commitOfSize(end))
      if (result.result !== 'appended') throw new Error(`not appended: ${JSON.stringify(result)}`)
      end = result.position
    }
    const publishOne = async () => {
      const commit = commitOfSize(end)
      const { seq } = await bare.publish(subjectOf(cluster, commit), encodeCommit(commit, end.hash))
      end = { sequence: sequence(seq), hash: end.hash }
    }
    await timesOf(appendOne, perBlock)
    await timesOf(publishOne, perBlock)
    const appends: number[] = []
    const publishes: number[] = []
    const ratios: number[] = []
    for (let trial = 0; trial < trials; trial++) {
      const own: number[] = []
      const theirs: number[] = []
      for (let block = 0; block < blocksPerTrial; block++) {
        // Whoever came second begins the next pair.
        const isOwnFirst = (trial + block) % 2 === 0
        if (isOwnFirst) own.push(...(await timesOf(appendOne, perBlock)))
        theirs.push(...(await timesOf(publishOne, perBlock)))
        if (!isOwnFirst) own.push(...(await timesOf(appendOne, perBlock)))
      }
      appends.push(medianOf(own))
      publishes.push(medianOf(theirs))
      ratios.push(medianOf(own) / medianOf(theirs))
      progress(`append ${medianOf(own).toFixed(2)} ms, bare publish ${medianOf(theirs).toFixed(2)} ms`)
    }
    const note = `stream ${streamName(cluster)} on 3 voters, sync always, ${commitBytes} B, medians of ${perBlock * blocksPerTrial} in a row; the leader on another voter`
    return [
      { name: 'append', unit: 'ms', values: appends, note },
      { name: 'bare publish', unit: 'ms', values: publishes },
      { name: 'append to bare publish', unit: 'ratio', values: ratios, target: { atMost: 1.15 } },
    ]
  } finally {
    await lab.close()
  }
}

const timesOf = async (run: () => Promise<void>, count: number): Promise<readonly number[]> => {
  const times: number[] = []
  for (let i = 0; i < count; i++) {
    const began = performance.now()
    await run()
    times.push(performance.now() - began)
  }
  return times
}

/** A decision of usual size; both sides pay for making and encoding it. */
const commitOfSize = (after: Position): Commit => {
  const commit = (note: string): Commit => ({
    id: commitId(randomBytes(16).toString('base64url')),
    by: 'server:v1',
    at: wallTime(1_760_000_000_000 + after.sequence),
    causedBy: null,
    because: { note },
    events: [{ type: 'VoterAdmitted', data: { voter: voterName('v1'), store: 'a store of its own' } }],
  })
  return commit('x'.repeat(Math.max(0, commitBytes - encodeCommit(commit(''), after.hash).length)))
}
