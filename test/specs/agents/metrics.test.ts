/** What a Prometheus server is told, and where. */
import { describe, expect, test } from 'vitest'
import { exposition } from '../../../src/agents/metrics/exposition.ts'
import type { Seen } from '../../../src/agents/metrics/metric.ts'
import { allMetrics, metricsAnswer, metricsDesk } from '../../../src/agents/metrics/metrics-desk.ts'
import { metricsReference } from '../../../src/agents/metrics/metrics-reference.ts'
import type { MirrorHere } from '../../../src/agents/mirror/here.ts'
import { noMountTimes } from '../../../src/agents/mirror/mount-times.ts'
import { Statistics } from '../../../src/mirror/engine/statistics.ts'
import type { HttpAnswer, HttpRequest, HttpServers } from '../../../src/world/world.ts'
import { crash, settled } from '../../golden/scenarios.ts'
import { statusOf } from '../cli/fake-agent.ts'
import { configurationOf, problemsOf, two } from '../configuration/samples.ts'
import { everyCounter, everyMountTime } from '../mirror/told-apart.ts'
import { VirtualWorld } from '../virtual-world.ts'
import { planeOf } from './plane-status.ts'

const seenOf = (change: Partial<Seen> = {}): Seen => ({
  status: statusOf(settled().log),
  quorum: { voters: 3, heard: 3, majority: 2 },
  supports: { s1: 0, s2: 0 },
  certificateDays: 1800,
  held: [],
  alerts: { queued: 0, sent: 4, dropped: 0, troubles: { syslog: 2 } },
  ...change,
})
const linesOf = (seen: Seen): readonly string[] => exposition(allMetrics, seen).trimEnd().split('\n')

const withMirror = (here: Omit<MirrorHere, 'name'>): Seen =>
  seenOf({ status: { ...statusOf(settled().log), mirrors: [{ name: 'db.data', ...here }] } })

describe('a metric', () => {
  test('has a name by the conventions, a line of help, and each name is there once', () => {
    const names = allMetrics.map(({ name }) => name)
    expect(new Set(names).size).toBe(names.length)
    for (const { name, type, help } of allMetrics) {
      expect(name).toMatch(/^baton_[a-z0-9_]+$/)
      expect(name.endsWith('_total'), name).toBe(type === 'counter')
      expect(help).toMatch(/^\S[^\n]*\.$/)
    }
  })

  test('is written with labels and help escaped, and not at all where there is nothing to tell', () => {
    const one = { name: 'baton_x', type: 'gauge', help: 'a\\b\nc', labels: ['a', 'b'] } as const
    const read = () => [
      [['say "no"', 'x\\y\nz'], 1.5] as const,
      [['gone', ''], null] as const,
      [['it', 'is'], true] as const,
    ]
    expect(
      exposition(
        [
          { ...one, read },
          { ...one, name: 'baton_y', read: () => [[['', ''], null]] },
        ],
        seenOf(),
      ),
    ).toBe(
      '# HELP baton_x a\\\\b\\nc\n# TYPE baton_x gauge\n' +
        'baton_x{a="say \\"no\\"",b="x\\\\y\\nz"} 1.5\nbaton_x{a="it",b="is"} 1\n',
    )
  })

  test('stands in docs/metrics.md (run vitest with -u to write it anew)', async () => {
    await expect(metricsReference()).toMatchFileSnapshot('../../../docs/metrics.md')
  })
})

test('a server tells of its lease, of the log, of its peers and of what they run', () => {
  const status = statusOf(settled().log)
  const [s1, ...others] = status.peers
  const lan = { answerMs: 4, roundTripMs: 1.5, late: 3, worstMs: 700, beats: 900, lost: 7 }
  const peers = s1 ? [{ ...s1, times: { 'lan:lan': lan } }, ...others] : []
  const lines = linesOf(seenOf({ status: { ...status, peers }, held: ['web'], supports: { s1: 1, s2: 0 } }))
  for (const line of [
    'baton_build_info{version="0.1.0",voter="s2",role="server"} 1',
    'baton_lease_held 1',
    'baton_lease_remaining_seconds 1.89',
    'baton_log_leader{voter="s1"} 0',
    'baton_log_leader{voter="w"} 1',
    'baton_server_supports{server="s1"} 1',
    'baton_heartbeat_silence_seconds{peer="s1",path="nats"} 0.13',
    'baton_heartbeat_round_trip_seconds{peer="s1",path="lan:lan"} 0.0015',
    'baton_heartbeat_beats_total{peer="s1",path="lan:lan"} 900',
    'baton_heartbeat_lost_beats_total{peer="s1",path="lan:lan"} 7',
    'baton_heartbeat_late_beats_total{peer="s1",path="lan:lan"} 3',
    'baton_alert_target_failures_total{target="syslog"} 2',
    'baton_server_state{server="s1",state="up"} 1',
    'baton_server_state{server="s1",state="down"} 0',
    'baton_group_state{group="web",state="online"} 1',
    'baton_group_state{group="web",state="failed"} 0',
    'baton_group_owner{group="web",server="s1"} 1',
    'baton_group_owner{group="web",server="s2"} 0',
    'baton_group_held{group="web"} 1',
    'baton_resource_online{group="web",resource="httpd"} 1',
    'baton_own_process_deaths{server="s1",process="guardian"} 0',
  ])
    expect(lines).toContain(line)
  expect(lines.some((line) => line.startsWith('baton_np_verdict'))).toBe(false)
})

test('whatever becomes of a group, its series stay the same', () => {
  const seriesOf = (seen: Seen) => linesOf(seen).filter((line) => line.startsWith('baton_group_state'))
  const [before, after] = [settled().log, crash()].map((log) => seriesOf(seenOf({ status: statusOf(log) })))
  const names = (lines: readonly string[] = []) => lines.map((line) => line.replace(/ \S+$/, ''))
  expect(names(after)).toEqual(names(before))
  expect(before).toContain('baton_group_state{group="web",state="online"} 1')
})

describe('a mirror disk', () => {
  test('is told with what its data plane has counted, in base units', () => {
    const counts = new Statistics()
    counts.writtenBytes = 4096
    counts.badBlocks = 2
    counts.acknowledge.add(3)
    counts.acknowledge.add(5)
    counts.roundTrip.set(0.5)
    counts.queue.set(9)
    counts.queue.set(1)
    const plane = planeOf({
      ...{ does: 'serve', dataBytes: 1_048_576, blockBytes: 65_536, dirtyBlocks: 3, path: 0 },
      condition: { pair: 'resyncing', because: 'what differs is copied', dirtyBlocks: 3 },
      resync: { doneBytes: 65_536, totalBytes: 262_144 },
      statistics: counts.told(),
    })
    const mountTimes = { ...noMountTimes, fsck: { current: 250, highest: 900 } }
    const lines = linesOf(withMirror({ plane, mountTimes }))
    for (const line of [
      'baton_mirror_plane_up{mirror="db.data"} 1',
      'baton_mirror_role{mirror="db.data",role="serve"} 1',
      'baton_mirror_condition{mirror="db.data",condition="resyncing"} 1',
      'baton_mirror_condition{mirror="db.data",condition="paired"} 0',
      'baton_mirror_condition{mirror="db.data",condition="detached"} 0',
      'baton_mirror_connected{mirror="db.data"} 1',
      'baton_mirror_dirty_bytes{mirror="db.data"} 196608',
      'baton_mirror_resync_done_bytes{mirror="db.data"} 65536',
      'baton_mirror_written_bytes_total{mirror="db.data"} 4096',
      'baton_mirror_bad_blocks_total{mirror="db.data"} 2',
      'baton_mirror_acknowledgement_seconds_total{mirror="db.data"} 0.008',
      'baton_mirror_acknowledgements_total{mirror="db.data"} 2',
      'baton_mirror_acknowledgement_max_seconds{mirror="db.data"} 0.005',
      'baton_mirror_round_trip_seconds{mirror="db.data"} 0.0005',
      'baton_mirror_send_queue{mirror="db.data"} 1',
      'baton_mirror_send_queue_max{mirror="db.data"} 9',
      'baton_mirror_fsck_last_seconds{mirror="db.data"} 0.25',
      'baton_mirror_fsck_max_seconds{mirror="db.data"} 0.9',
    ])
      expect(lines).toContain(line)
  })

  test('is told with each counter under its own name', () => {
    const plane = planeOf({ does: 'serve', statistics: everyCounter().now })
    const told = linesOf(withMirror({ plane, mountTimes: everyMountTime }))
      .map((line) => /^baton_mirror_(\w+)\{mirror="db.data"\} (.+)$/.exec(line))
      .flatMap((found) => (found === null ? [] : [[found[1], Number(found[2])] as const]))
    expect(Object.fromEntries(told)).toMatchObject({
      written_bytes_total: 20 * 1_048_576,
      read_bytes_total: 40 * 1_048_576,
      disk_written_bytes_total: 60 * 1_048_576,
      disk_read_bytes_total: 80 * 1_048_576,
      disk_errors_total: 3,
      bad_blocks_total: 5,
      repaired_blocks_total: 7,
      sent_bytes_total: 100 * 1024,
      payload_bytes_total: 80_000,
      compressed_bytes_total: 60_000,
      acknowledgement_seconds_total: 1.2,
      acknowledgements_total: 6,
      acknowledgement_last_seconds: 0.032,
      acknowledgement_max_seconds: 0.031,
      synchronization_seconds_total: 6,
      synchronizations_total: 4,
      synchronization_last_seconds: 2.103,
      synchronization_max_seconds: 2.101,
      resync_acknowledgement_seconds_total: 2.4,
      resync_acknowledgements_total: 8,
      resync_acknowledgement_last_seconds: 0.043,
      resync_acknowledgement_max_seconds: 0.041,
      round_trip_seconds: 8.3,
      round_trip_max_seconds: 8.1,
      behind_bytes: 52 * 1_048_576,
      behind_max_bytes: 51 * 1_048_576,
      send_queue: 63,
      send_queue_max: 61,
      request_queue: 73,
      request_queue_max: 71,
      unmount_last_seconds: 9.2,
      unmount_max_seconds: 9.1,
      fsck_last_seconds: 9.4,
      fsck_max_seconds: 9.3,
    })
  })

  test('whose data plane is not reached is told as such, and with nothing else', () => {
    const lines = linesOf(withMirror({ plane: null, mountTimes: noMountTimes }))
    expect(lines).toContain('baton_mirror_plane_up{mirror="db.data"} 0')
    expect(lines.filter((line) => /^baton_mirror_(written|connected|role)/.test(line))).toEqual([])
  })
})

test('what is asked often is told anew once a second, and nothing but /metrics is there', () => {
  const virtual = new VirtualWorld()
  let looks = 0
  const answer = metricsAnswer(virtual.world, () => {
    looks += 1
    return seenOf()
  })
  for (let time = 0; time < 100; time++) expect(answer({ method: 'GET', path: '/metrics?x=1' }).status).toBe(200)
  expect(looks).toBe(1)
  expect(answer({ method: 'GET', path: '/metrics' }).type).toBe('text/plain; version=0.0.4; charset=utf-8')
  expect(answer({ method: 'POST', path: '/metrics' }).status).toBe(405)
  expect(answer({ method: 'GET', path: '/' }).status).toBe(404)
})

describe('the place where metrics are told', () => {
  const arranged = () => {
    const virtual = new VirtualWorld()
    const open = new Map<string, (request: HttpRequest) => HttpAnswer>()
    const said: string[] = []
    const taken = new Set<string>()
    const httpServers: HttpServers = {
      listen: async ({ address, port, tls }, answer) => {
        const place = `${tls ? 'https' : 'http'} ${address} ${port}`
        if (taken.has(place)) throw new Error(`EADDRINUSE ${place}`)
        open.set(place, answer)
        return { port, close: () => void open.delete(place) }
      },
    }
    let state = settled().log.state()
    const folds: (() => void)[] = []
    const stop = metricsDesk(
      { ...virtual.world, httpServers },
      {
        node: {
          // cast: what it asks of a kit and of a recorder
          kit: { own: { name: 'alpha' }, certificate: 'c', key: 'k' },
          recorder: { state: () => state, onFold: (fold: () => void) => void folds.push(fold) },
        } as unknown as Parameters<typeof metricsDesk>[1]['node'],
        seen: seenOf,
        say: (what) => void said.push(what),
      },
    )
    const configure = async (text: string): Promise<void> => {
      state = { ...state, configuration: { ...state.configuration, current: configurationOf(`${two}${text}`) } }
      for (const fold of folds) fold()
      await virtual.pass(1)
    }
    return { virtual, open, said, taken, configure, stop }
  }

  test('follows the configuration, and is none unless it is configured', async () => {
    const { open, configure, stop } = arranged()
    await configure('')
    expect([...open.keys()]).toEqual([])
    await configure('metrics: { listen: "[::]:29020" }')
    expect([...open.keys()]).toEqual(['http :: 29020'])
    await configure('metrics: { listen: 10.0.0.1:29021, tls: true }')
    expect([...open.keys()]).toEqual(['https 10.0.0.1 29021'])
    stop()
    expect([...open.keys()]).toEqual([])
  })

  test('that is taken is told once, and tried until it is free', async () => {
    const { virtual, open, said, taken, configure } = arranged()
    taken.add('http 10.0.0.1 29020')
    await configure('metrics: { listen: 10.0.0.1:29020 }')
    await virtual.pass(60_000)
    expect(said).toEqual(['metrics cannot be asked for: nothing can listen there'])
    taken.clear()
    await virtual.pass(10_000)
    expect([...open.keys()]).toEqual(['http 10.0.0.1 29020'])
  })

  test('is an address with a port, and not that of a log server', () => {
    for (const bad of ['29020', 'localhost:29020', '10.0.0.300:1', '10.0.0.1:70000', '":::29020"'])
      expect(problemsOf(`${two}metrics: { listen: ${bad} }`), bad).toEqual([
        expect.stringMatching(/metrics\.listen: .* is not .*address:port/),
      ])
    expect(problemsOf(`${two}metrics: { listen: 0.0.0.0:29010 }`)[0]).toMatch(
      /metrics\.listen: TCP port 29010 of alpha is that of its log server/,
    )
    expect(problemsOf(two.replace('lan: 10.0.0.1 }', 'lan: 10.0.0.1 }, metrics: none'))).toEqual([])
  })
})
