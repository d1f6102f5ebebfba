import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { alertFile, alertLine } from '../../../src/agents/alerts/alert-file.ts'
import { localSyslog, splitHostAndPort, udpSyslog } from '../../../src/agents/alerts/syslog.ts'
import type { SyslogIdentity } from '../../../src/agents/alerts/syslog-format.ts'
import { AlertNotSent } from '../../../src/agents/alerts/target.ts'
import { alertTargets } from '../../../src/agents/alerts/targets.ts'
import { sequence, storedConfiguration } from '../../../src/events/index.ts'
import { realDatagrams } from '../../../src/world/datagrams.ts'
import { realFiles } from '../../../src/world/files.ts'
import { realWorld } from '../../../src/world/real.ts'
import { bindUnixDatagrams, openUnixDatagrams } from '../../../src/world/unix-datagram.ts'
import type { RunResult, World } from '../../../src/world/world.ts'
import { configuration } from '../projections/demo-cluster.ts'
import { hastyClock, someAlert } from './some-alerts.ts'

const identity: SyslogIdentity = { facility: 'daemon', hostname: 's1', processId: 812, cluster: 'demo' }

let directory = ''
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'baton-alerts-'))
})
afterEach(() => {
  rmSync(directory, { recursive: true, force: true })
})

describe('syslog of the machine', () => {
  const at = () => join(directory, 'log')
  const target = () => localSyslog({ clock: hastyClock, datagrams: openUnixDatagrams() }, { identity, path: at() })

  test('gets a datagram an alert', async () => {
    const receiver = bindUnixDatagrams(at())
    const syslog = target()
    await syslog.send([someAlert, { ...someAlert, sequence: sequence(124) }])
    const received = [receiver.receive(), receiver.receive()].map((bytes) => Buffer.from(bytes ?? []).toString())
    expect(received[0]).toContain('<27>baton[812]: rc/32 Activating app resource has failed.')
    expect(received[1]).toContain('seq="124"')
    expect(receiver.receive()).toBeNull()
    syslog.close()
    receiver.close()
  })

  test('that is not there is trouble, and takes alerts again when it is back', async () => {
    const syslog = target()
    await expect(syslog.send([someAlert])).rejects.toThrow(AlertNotSent)
    const receiver = bindUnixDatagrams(at())
    await syslog.send([someAlert])
    expect(receiver.receive()).not.toBeNull()
    syslog.close()
    receiver.close()
  })

  test('that does not read is given up after a while, not waited for', async () => {
    const receiver = bindUnixDatagrams(at())
    const syslog = target()
    const many = Array.from({ length: 5000 }, () => someAlert)
    await expect(syslog.send(many)).rejects.toThrow(/full/)
    syslog.close()
    receiver.close()
  })

  test('takes a message of any length', async () => {
    const receiver = bindUnixDatagrams(at())
    const syslog = target()
    await syslog.send([{ ...someAlert, message: 'ü'.repeat(100_000) }])
    expect(receiver.receive()?.length).toBeLessThanOrEqual(2048)
    syslog.close()
    receiver.close()
  })
})

describe('a collector', () => {
  const noProcesses = { run: () => Promise.reject(new Error('no process is needed')) }
  const collectorWorld = (run: () => Promise<Partial<RunResult>>) =>
    ({ clock: hastyClock, datagrams: realDatagrams, processes: { run } }) as unknown as Parameters<typeof udpSyslog>[0]
  const receiving = async () => {
    const arrived: string[] = []
    let wake: () => void = () => undefined
    // A fixed port of the range that nothing else here uses; several tests run at once.
    for (let port = 36_514; ; port++) {
      try {
        const socket = await realDatagrams.bind({ address: '127.0.0.1', port }, (bytes) => {
          arrived.push(Buffer.from(bytes).toString())
          wake()
        })
        const next = () =>
          new Promise<string>((resolve) => {
            wake = () => resolve(arrived.shift() ?? '')
            if (arrived.length > 0) wake()
          })
        return { port, next, close: socket.close }
      } catch (error) {
        if (port > 36_600) throw error
      }
    }
  }

  test('gets RFC 5424 by UDP', async () => {
    const collector = await receiving()
    const target = udpSyslog(collectorWorld(noProcesses.run), { identity, collector: `127.0.0.1:${collector.port}` })
    await target.send([someAlert])
    expect(await collector.next()).toMatch(
      /^<27>1 2026-11-20T16:08:53\.007Z s1 baton 812 rc\/32 \[baton@32473 .*\] \uFEFFActi/,
    )
    target.close()
    collector.close()
  })

  test('may be called by name, which is asked for once in a while', async () => {
    const collector = await receiving()
    let asked = 0
    const run = async () => {
      asked += 1
      return { code: 0, stdout: '127.0.0.1       STREAM collector\n127.0.0.1       DGRAM\n' }
    }
    const target = udpSyslog(collectorWorld(run), { identity, collector: `collector.example:${collector.port}` })
    await target.send([someAlert])
    await collector.next()
    await target.send([someAlert])
    await collector.next()
    expect(asked).toBe(1)
    target.close()
    collector.close()
  })

  test('whose name does not resolve is trouble', async () => {
    const run = async () => ({ code: 2, stdout: '' })
    const target = udpSyslog(collectorWorld(run), { identity, collector: 'nowhere.example:514' })
    await expect(target.send([someAlert])).rejects.toThrow('the name nowhere.example does not resolve')
  })

  test('that nobody is at harms nothing', async () => {
    const target = udpSyslog(collectorWorld(noProcesses.run), { identity, collector: '127.0.0.1:9' })
    await target.send([someAlert])
    await target.send([someAlert])
    target.close()
  })

  test('is written as host and port', () => {
    expect(splitHostAndPort('log.example:514')).toEqual({ host: 'log.example', port: 514 })
    expect(splitHostAndPort('[fd00::9]:514')).toEqual({ host: 'fd00::9', port: 514 })
  })
})

describe('the alert log of a server', () => {
  const path = () => join(directory, 'alerts.log')
  const read = (suffix = '') => readFileSync(`${path()}${suffix}`, 'utf8')

  test('has a line an alert', async () => {
    const file = alertFile(realFiles, { path: path() })
    await file.send([someAlert])
    await file.send([{ ...someAlert, severity: 'info', module: 'cl', id: 1, server: null }])
    const message = 'Activating app resource has failed.(99 : command is timeout)'
    expect(read().split('\n')).toEqual([
      `2026-11-20T16:08:53.007Z error   rc/32  s1 #123 ${message}`,
      `2026-11-20T16:08:53.007Z info    cl/1   - #123 ${message}`,
      '',
    ])
  })

  test('is rotated by size, also by a later start, and keeps two older files', async () => {
    const lineBytes = Buffer.byteLength(alertLine(someAlert)) + 1
    for (let seq = 1; seq <= 8; seq++) {
      const file = alertFile(realFiles, { path: path(), maxBytes: 2 * lineBytes })
      await file.send([{ ...someAlert, sequence: sequence(100 + seq) }])
    }
    const numbers = (text: string) => [...text.matchAll(/#(\d+)/g)].map(([, number]) => Number(number))
    expect(numbers(read())).toEqual([107, 108])
    expect(numbers(read('.1'))).toEqual([105, 106])
    expect(numbers(read('.2'))).toEqual([103, 104])
  })

  test('that cannot be written is trouble', async () => {
    const file = alertFile(realFiles, { path: join(directory, 'no', 'such', 'directory') })
    await expect(file.send([someAlert])).rejects.toThrow(AlertNotSent)
  })
})

test('the configuration says where alerts go; without one they go nowhere', () => {
  const world: World = { ...realWorld(), clock: hastyClock }
  const targets = (alerts: object) => {
    const made = alertTargets(world, storedConfiguration.parse({ ...configuration, alerts }), 'alerts.log')
    for (const { close } of made) close()
    return made.map(({ name }) => name)
  }
  expect(targets({})).toEqual(['file', 'syslog'])
  expect(targets({ file: false, syslog: { local: false, udp: '10.0.0.9:514' } })).toEqual(['syslog 10.0.0.9:514'])
  expect(alertTargets(world, null, 'alerts.log')).toEqual([])
})
