/** What the doctor says of an installation that is well, and of one that is not. */
import { expect, test } from 'vitest'
import type { AgentStatus } from '../../src/agents/control-protocol.ts'
import { agentChecks, noAgentFinding } from '../../src/cli/doctor/agent-checks.ts'
import { codeOf, type Finding } from '../../src/cli/doctor/finding.ts'
import { logServerChecks } from '../../src/cli/doctor/log-server-checks.ts'
import { type MachineFacts, machineChecks } from '../../src/cli/doctor/machine-checks.ts'
import { safetyChecks } from '../../src/cli/doctor/safety-checks.ts'
import { linesOf } from '../../src/cli/doctor.ts'
import { voterName, wallTime } from '../../src/events/index.ts'
import { serverOf } from '../../src/projections/servers.ts'
import { statusOf } from '../specs/cli/fake-agent.ts'
import { configuration } from './hand-built-log.ts'
import { settled } from './scenarios.ts'

const now = Date.UTC(2026, 0, 2)
const inDays = (days: number) => now + days * 86_400_000
const guarded = { ...configuration, watchdog: { device: '/dev/watchdog', required: false } }
const well = statusOf(settled().log)
const keepers = ['s1', 's2', 'w']
const report = (name: string, version = '2.12.1', aheadMs = 0, { syncsAlways = true, days = 1800 } = {}) => ({
  name,
  version,
  wall: now + aheadMs,
  heardAt: now,
  syncsAlways,
  certificateEnds: now + days * 86_400_000,
})
const machine: MachineFacts = {
  now,
  kitTrouble: null,
  kitDifferences: [],
  certificateEnds: inDays(1800),
  authorityEnds: inDays(3600),
  looseFiles: [],
  disk: { device: '/dev/sda2', fileSystem: 'ext4', freeBytes: 40e9, totalBytes: 100e9, fsyncMs: [1.2, 3.4] },
  sharedDevices: ['/dev/sdb1'],
  snapshotAgeMs: 120_000,
  swappedKib: 0,
  kernelMemory: { overcommit: 0, swappiness: 60, hasSwap: false },
  diskStallPercent: 0.4,
  cgroupTrouble: null,
  nbd: null,
  closedPorts: [],
  openPorts: 4,
}
const text = (findings: readonly Finding[]): string => {
  const colours = { bold: String, dim: String, red: String, green: String, yellow: String, cyan: String }
  return `${linesOf(findings, { colours }).join('\n')}\nends with ${codeOf(findings)}\n`
}

test('an installation that is well', async () => {
  const status: AgentStatus = {
    ...well,
    guardian: {
      running: true,
      watchdog: '/dev/watchdog',
      watchdogReport: { armed: true, device: '/dev/watchdog', identity: 'iTCO_wdt', timeoutMs: 2000, because: '' },
    },
    clock: { rateErrorPercent: 0.0012, wall: now },
    peers: well.peers.map((peer) => ({ ...peer, version: well.version })),
  }
  const findings = [
    ...agentChecks(status),
    ...safetyChecks({
      voter: 's2',
      role: 'server',
      configuration: guarded,
      status,
      whyNoWatchdog: () => null,
      bootMs: 24_400,
    }),
    ...logServerChecks({ reports: keepers.map((name) => report(name)), keepers }),
    ...machineChecks(machine),
  ]
  expect(codeOf(findings)).toBe(0)
  await expect(text(findings)).toMatchFileSnapshot('doctor-well.txt')
})

test('an installation where much is not', async () => {
  const [s1, w] = well.peers
  if (!s1 || !w) throw new Error('no peers')
  const status: AgentStatus = {
    ...well,
    lease: { held: false, remainingMs: 0, because: 'a majority of voters has not answered lately' },
    guardian: { running: false, watchdog: 'none' },
    clock: { rateErrorPercent: 3.1, wall: now },
    notAdmitted: [voterName('w')],
    state: {
      ...well.state,
      servers: {
        ...well.state.servers,
        byName: {
          ...well.state.servers.byName,
          s1: {
            ...serverOf(well.state.servers, 's1'),
            lastLoss: { peer: 'w', path: 'lan:public', at: wallTime(now - 120_000) },
            deaths: {
              guardian: [3_600_000, 90 * 86_400_000].map((ago) => ({
                at: wallTime(now - ago),
                boot: 'b',
                sinceBootMs: 1,
              })),
            },
          },
        },
      },
    },
    peers: [
      { ...s1, version: '0.0.9', heardMsAgo: null, echoMsAgo: null, paths: { nats: null } },
      { ...w, echoMsAgo: null, paths: { ...w.paths, 'lan:public': null, nats: null } },
    ],
  }
  const findings = [
    ...agentChecks(status),
    ...safetyChecks({
      voter: 's2',
      role: 'server',
      configuration: { ...guarded, watchdog: { device: '/dev/null', required: true } },
      status,
      whyNoWatchdog: (device) => `${device} is device 1:3, which the kernel does not know as a watchdog`,
      bootMs: 1500,
    }),
    ...logServerChecks({
      reports: [report('s2', '2.10.9', 0, { syncsAlways: false }), report('w', '2.12.1', 90_000, { days: 12 })],
      keepers,
    }),
    ...machineChecks({
      ...machine,
      kitDifferences: ['s1 has other addresses in the kit'],
      certificateEnds: inDays(60),
      authorityEnds: inDays(-3),
      looseFiles: [{ path: '/var/lib/baton/kit/node.key', mode: '644' }],
      disk: { device: '/dev/sdb1', fileSystem: 'ext4', freeBytes: 2e8, totalBytes: 100e9, fsyncMs: [12, 812] },
      swappedKib: 4096,
      kernelMemory: { overcommit: 1, swappiness: 60, hasSwap: true },
      diskStallPercent: 38,
      cgroupTrouble: 'they cannot be made here (no cgroup v2, or no right to)',
      nbd: { mirrors: ['db.data'], isThere: false },
      closedPorts: ['s1 (10.0.0.1, 29011/tcp)'],
    }),
  ]
  expect(codeOf(findings)).toBe(2)
  await expect(text(findings)).toMatchFileSnapshot('doctor-ill.txt')
})

test('without an agent, it says so and checks what it can', async () => {
  const findings = [
    noAgentFinding('no agent answers on /var/lib/baton/run/control.sock (the agent is not running)'),
    ...safetyChecks({
      voter: 's2',
      role: 'server',
      configuration,
      status: null,
      whyNoWatchdog: () => null,
      bootMs: null,
    }),
    ...logServerChecks({ reports: { trouble: 'no log server answers within 5000 ms: 127.0.0.1:29010' }, keepers }),
    ...machineChecks({ ...machine, snapshotAgeMs: null, swappedKib: null, disk: null }),
  ]
  await expect(text(findings)).toMatchFileSnapshot('doctor-no-agent.txt')
})
