/** Clusters for scenarios: small ones with times that are easy to count with. */
import type { ClusterPlan, GroupPlan } from '../../src/sim/plan.ts'
import { Simulation } from '../../src/sim/simulation.ts'

export const seconds = (count: number): number => count * 1000
export const minutes = (count: number): number => count * 60_000

export const groupPlan = (name: string, wish: Partial<GroupPlan> = {}): GroupPlan => ({
  name,
  resources: 2,
  failover: 'auto',
  failback: 'manual',
  exclusion: 'off',
  retries: 0,
  failovers: 1,
  monitorMs: null,
  home: 0,
  ...wish,
})

/** Two servers and a witness on two networks, T = 3 s, one group `web` whose home is s1. */
export const usualPlan: ClusterPlan = {
  servers: 2,
  hasWitness: true,
  networks: ['lan', 'public'],
  timeoutMs: 3000,
  intervalMs: 300,
  clockRateError: 2,
  startSyncMs: 10_000,
  groups: [groupPlan('web')],
}

/** A cluster that has been booted and runs everything. */
export const runningCluster = async (wish: Partial<ClusterPlan> = {}, seed = 1): Promise<Simulation> => {
  const sim = new Simulation({ seed, plan: { ...usualPlan, ...wish } })
  sim.boot()
  if (!(await sim.until(() => sim.isEverythingOnline(), minutes(1)))) throw new Error('the cluster does not come up')
  return sim
}
