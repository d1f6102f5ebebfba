/** Two servers and nobody else: what stands in for the third voice, and what becomes of the log. */
import { afterAll, describe, expect } from 'vitest'
import { now, until } from '../lab/until.ts'
import { type Cluster, settleMs } from './cluster.ts'
import { clusterTest } from './cluster-test.ts'
import { removeKits } from './kits.ts'

afterAll(removeKits)

const isPair = true

/** The log as `server` has it: on both copies, or on whose alone. */
const sidesOn = async (cluster: Cluster, server: string) => (await cluster.status(server)).state.logSides

const untilAlone = (cluster: Cluster, server: string) =>
  until(
    async () => {
      const { head, isAlone } = await sidesOn(cluster, server)
      return isAlone && head === server
    },
    settleMs,
    `the log to go on with ${server} alone`,
  )

const untilOnBoth = (cluster: Cluster) =>
  until(
    async () =>
      (await Promise.all(['s1', 's2'].map((server) => sidesOn(cluster, server)))).every(({ isAlone }) => !isAlone),
    settleMs,
    'the log to be on both servers',
  )

describe('a pair', () => {
  clusterTest(
    'whose active server crashes: the other takes log and groups over, and gets its copy back',
    { isPair },
    async (cluster, context) => {
      const watch = await cluster.watch()
      await watch.waitFor('s1', settleMs)
      await cluster.powerOff('s1')
      await watch.waitFor('s2', settleMs)
      await context.annotate(`clients waited ${watch.gap('s1', 's2')?.toFixed(0)} ms`)
      await untilAlone(cluster, 's2')
      await cluster.powerOn('s1')
      await untilOnBoth(cluster)
      await cluster.waitUntilSettled()
      expect(await cluster.ownerOf('web', 's1')).toBe('s2')
      expect(await sidesOn(cluster, 's1')).toMatchObject({ head: 's2' })
    },
  )
})
void now
