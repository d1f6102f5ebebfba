/** The active server loses its power: from its last answer to the first of the other one, as a client sees it. */
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type Cluster, settleMs } from '../live/cluster/cluster.ts'
import { until } from '../live/lab/until.ts'
import type { Figure, Peer } from './figure.ts'
import { onCluster, otherThan, ownerOf, type TimeoutMs, timings, untilCalm, watched } from './service-cluster.ts'

const peers: Readonly<Record<TimeoutMs, readonly Peer[]>> = {
  3000: [],
  1000: [
    { who: 'Pacemaker, token 1000 ms', median: 2338, max: 3351 },
    { who: 'token 500 ms', median: 1204, max: 1272 },
  ],
  300: [{ who: 'keepalived, adverts 100 ms, starts nothing', median: 337, max: 372 }],
}

type Leader = 'the witness' | 'the survivor' | 'the dead server'
type Trial = { readonly gapMs: number; readonly led: Leader }

/** The leader does not stay on a server for long: so many tries for each trial that is wanted. */
const triesPerTrial = 2

type Progress = (text: string) => void

/** The witness leads the log, as it does whenever it can. */
export const benchCrash = (trials: number, progress: Progress): Promise<readonly Figure[]> =>
  crashes('the witness', trials, progress)

/** The server that takes over led the log, as it does for a moment after it was elected. */
export const benchSurvivor = (trials: number, progress: Progress): Promise<readonly Figure[]> =>
  crashes('the survivor', trials, progress)

/** The dead server led the log, so that another leader has to be elected first: 4 to 9 s, whatever the time-out. */
export const benchElection = (trials: number, progress: Progress): Promise<readonly Figure[]> =>
  crashes('the dead server', trials, progress)

const crashes = async (led: Leader, trials: number, progress: Progress): Promise<readonly Figure[]> => {
  const figures: Figure[] = []
  for (const timeoutMs of Object.keys(timings).map(Number) as TimeoutMs[]) {
    const values = await onCluster(timeoutMs, (cluster) => gapsOf(cluster, led, trials, progress))
    const aimed = { target: { atMost: timeoutMs + 200, maxAtMost: timeoutMs + 400 }, peers: peers[timeoutMs] }
    const name = `crash, ${led} led the log, T = ${timeoutMs}`
    figures.push({ name, unit: 'ms', timeoutMs, values, ...(led !== 'the dead server' && aimed) })
  }
  return figures
}

const gapsOf = async (
  cluster: Cluster,
  led: Leader,
  trials: number,
  progress: Progress,
): Promise<readonly number[]> => {
  const gaps: number[] = []
  for (let tries = 0; gaps.length < trials && tries < triesPerTrial * trials; tries++) {
    const trial = await crash(cluster, led)
    progress(`crash, ${trial.led} led the log: ${trial.gapMs.toFixed(0)} ms`)
    if (trial.led === led) gaps.push(trial.gapMs)
  }
  return gaps
}

/** Ends with everybody up again. */
const crash = async (cluster: Cluster, wanted: Leader): Promise<Trial> => {
  const victim = await ownerOf(cluster)
  const survivor = otherThan(victim)
  const trial = await watched(cluster, async (watch) => {
    await watch.waitForBanner(({ host }) => host === victim, settleMs)
    if (wanted !== 'the witness') await lendLeader(cluster, wanted === 'the survivor' ? survivor : victim)
    const before = await electionsSeen(cluster, survivor)
    await cluster.powerOff(victim)
    await watch.waitForBanner(({ host }) => host === survivor, settleMs)
    const gapMs = watch.gap(victim, survivor)
    // Nobody who is left can have led in vain: the survivor may hand over to the witness meanwhile, which is no election.
    if (wanted === 'the survivor') return { gapMs, led: wanted } as const
    const led = (await electionsSeen(cluster, survivor)) === before ? 'the witness' : 'the dead server'
    return { gapMs, led } as const
  })
  await cluster.powerOn(victim)
  await untilCalm(cluster)
  return trial
}

/** The cluster takes the leader back to the witness as soon as it may, which is once in 3 s: so it is lent right after that. */
const lendLeader = async (cluster: Cluster, to: string): Promise<void> => {
  await cluster.moveLogLeader(to)
  await until(async () => (await cluster.logLeader()) === 'w', settleMs, 'the witness to lead the log again')
  await cluster.moveLogLeader(to)
}

/** Where the leader was is known for sure only afterwards: whether those who were left had to elect one. */
const electionsSeen = async (cluster: Cluster, survivor: string): Promise<number> => {
  const logs = [survivor, 'w'].map((voter) => join(cluster.host(voter).stateDirectory, 'nats', 'log-server.log'))
  const texts = await Promise.all(logs.map((path) => readFile(path, 'utf8')))
  return texts.reduce((sum, text) => sum + (text.match(/new stream leader/g)?.length ?? 0), 0)
}
