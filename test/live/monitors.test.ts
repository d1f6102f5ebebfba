import { describe, expect } from 'vitest'
import { DriverHost } from './drivers/driver-host.ts'
import type { Host } from './lab/host.ts'
import { createLab, type Lab } from './lab/lab.ts'
import { liveTest } from './lab/live-test.ts'
import { atOnceMs, now, until } from './lab/until.ts'

const needs = { needs: ['lab'] } as const

type Machine = AsyncDisposable & { readonly lab: Lab; readonly host: Host; readonly drivers: DriverHost }

const machine = async (hosts: readonly string[] = ['s1']): Promise<Machine> => {
  const lab = await createLab({ hosts })
  const host = lab.host('s1')
  const drivers = await DriverHost.start(host, lab.directory)
  return { lab, host, drivers, [Symbol.asyncDispose]: () => lab.destroy() }
}

describe('ipw', () => {
  liveTest('sees who answers, over IPv4 and IPv6, and what silence means', needs, async () => {
    await using m = await machine(['s1', 's2'])
    const s2 = m.lab.host('s2')
    await until(() => m.host.ping(s2.address6.public), 10_000, 'IPv6 to be ready')
    const addresses = [s2.address.public, s2.address6.public]
    const ip = m.drivers.monitor('ip', { type: 'ipw', addresses, timeout: 600 })
    const fine = await m.drivers.look(ip)
    expect(fine.value).toEqual({ verdict: 'normal', because: `all of ${addresses.join(', ')} answered` })
    const partly = m.drivers.monitor('ip', { type: 'ipw', addresses: [...addresses, '10.77.2.99'], timeout: 600 })
    expect((await m.drivers.look(partly)).value).toMatchObject({
      verdict: 'warning',
      because: expect.stringMatching(/^no answer from 10\.77\.2\.99 within 300 ms/),
    })
    expect((await m.drivers.ping(['10.77.2.99', s2.address.public], 300)).value).toEqual([s2.address.public])
    await m.lab.cut({ host: 's1', network: 'public' })
    const silent = await m.drivers.look(ip)
    expect(silent.value.verdict).toBe('error')
    expect(silent.elapsedMs).toBeLessThan(300 + atOnceMs)
    expect((await m.drivers.look(ip, 50)).value.verdict).toBe('unknown')
    expect((await m.drivers.ping([s2.address.public], 200)).value).toEqual([])
  })

  liveTest('does not take its own lack of rights for silence', needs, async () => {
    await using m = await machine(['s1', 's2'])
    await m.drivers.end()
    // Without CAP_NET_RAW, and without ping(8) on the path.
    await m.drivers.begin([
      'setpriv',
      '--bounding-set=-net_raw',
      '--inh-caps=-net_raw',
      '--',
      '/usr/bin/env',
      'PATH=/none',
    ])
    const ip = m.drivers.monitor('ip', { type: 'ipw', addresses: [m.lab.host('s2').address.public] })
    const sight = (await m.drivers.look(ip)).value
    expect(sight).toEqual({
      verdict: 'unknown',
      because: 'neither an ICMP socket (needs CAP_NET_RAW) nor ping(8) is available',
    })
    const fip = m.drivers.resource('ip', { type: 'fip', address: '10.77.2.100' })
    expect((await m.drivers.activate(fip)).value).toMatchObject({
      because: expect.stringContaining('needs CAP_NET_RAW'),
    })
  })

  liveTest('uses ping(8) where a socket is not permitted', needs, async () => {
    await using m = await machine()
    await m.drivers.end()
    const input = '#!/bin/sh\nprintf "%s " "$@" >/run/asked\n'
    const place = 'mkdir /run/bin; cat >/run/bin/ping; chmod +x /run/bin/ping'
    await m.host.ok(['sh', '-c', place], { input })
    await m.drivers.begin([
      'setpriv',
      '--bounding-set=-net_raw',
      '--inh-caps=-net_raw',
      '--',
      'env',
      'PATH=/run/bin:/bin',
    ])
    expect((await m.drivers.ping(['10.77.2.99'], 400)).value).toEqual(['10.77.2.99'])
    expect(await m.host.ok(['cat', '/run/asked'])).toBe('-n -c 1 -W 1 10.77.2.99 ')
  })
})

describe('pidw', () => {
  liveTest('sees the death of a resident process at once', needs, async () => {
    await using m = await machine()
    const pid = m.drivers.monitor('pid', { type: 'pidw' }, 'app')
    expect((await m.drivers.look(pid)).value).toEqual({ verdict: 'unknown', because: 'app has not been started here' })
    const app = m.drivers.resource('app', { type: 'exec', start: 'exec sleep 1000' })
    const { value } = await m.drivers.activate(app)
    const number = value.ok ? (value.detail ?? '').replace('process ', '') : ''
    expect((await m.drivers.look(pid)).value).toEqual({ verdict: 'normal', because: `process ${number} lives` })
    for (const adopted of [false, true]) {
      if (adopted) {
        await m.drivers.activate(app)
        await m.drivers.restart()
      }
      const { value: sight } = await m.drivers.look(pid)
      const watched = await m.drivers.watchMonitor(pid)
      const main = /process (\d+)/.exec(sight.because)?.[1] ?? ''
      const killed = now()
      await m.host.ok(['kill', '-KILL', main])
      const told = await watched.next()
      expect(told.value).toEqual({ verdict: 'error', because: `process ${main} is gone` })
      expect(told.at - killed).toBeLessThan(atOnceMs)
      expect((await m.drivers.look(pid)).value).toEqual({ verdict: 'error', because: `process ${main} is gone` })
    }
  })

  liveTest('sees the last process of a daemon go, and not one of several', needs, async () => {
    await using m = await machine()
    const start = 'setsid sleep 1000 & setsid sleep 2000 &'
    const app = m.drivers.resource('app', { type: 'exec', mode: 'run-to-end', start })
    await m.drivers.activate(app)
    const tag = `${m.drivers.instance}.web.app`
    await until(async () => (await m.drivers.members(tag)).length === 2, 5000, 'both')
    const pid = m.drivers.monitor('pid', { type: 'pidw' }, 'app')
    expect((await m.drivers.look(pid)).value).toEqual({ verdict: 'normal', because: '2 processes live' })
    const watched = await m.drivers.watchMonitor(pid)
    const [first, second] = await m.drivers.members(tag)
    await m.host.ok(['kill', String(first?.pid)])
    await until(async () => (await m.drivers.members(tag)).length === 1, 5000, 'one to end')
    expect(watched.told()).toEqual([])
    await m.host.ok(['kill', String(second?.pid)])
    expect((await watched.next()).value).toEqual({ verdict: 'error', because: 'none of its processes lives' })
    expect((await m.drivers.look(pid)).value.verdict).toBe('error')
  })
})

liveTest('miiw: sees the link go and come back', needs, async () => {
  await using m = await machine()
  const link = m.drivers.monitor('link', { type: 'miiw', nic: 'pub0' })
  expect((await m.drivers.look(link)).value).toEqual({ verdict: 'normal', because: 'NIC pub0 has a link' })
  const watched = await m.drivers.watchMonitor(link)
  const cut = now()
  await m.lab.carrier('s1', 'public', 'down')
  const told = await watched.next()
  expect(told.value).toEqual({ verdict: 'error', because: 'NIC pub0 has no link' })
  console.info(`miiw: lost link told after ${(told.at - cut).toFixed(1)} ms`)
  expect((await m.drivers.look(link)).value).toEqual(told.value)
  await m.lab.carrier('s1', 'public', 'up')
  await until(() => watched.told().at(-1)?.value.verdict === 'normal', 5000, 'the link to be back')
  await watched.cancel()
  await m.host.ok(['ip', 'link', 'set', 'pub0', 'down'])
  expect((await m.drivers.look(link)).value).toEqual({ verdict: 'error', because: 'NIC pub0 is set down' })
  expect(watched.told()).toHaveLength(2)
  const none = m.drivers.monitor('link', { type: 'miiw', nic: 'eth9' })
  expect((await m.drivers.look(none)).value).toEqual({ verdict: 'error', because: 'there is no NIC eth9' })
})

describe('genw', () => {
  liveTest('sync: judges by the exit code, and kills what does not end', needs, async () => {
    await using m = await machine()
    const look = async (written: Record<string, unknown>) =>
      (await m.drivers.look(m.drivers.monitor('any', { type: 'genw', ...written }))).value
    expect(await look({ script: 'echo fine' })).toEqual({
      verdict: 'normal',
      because: 'its script ended with code 0: fine',
    })
    expect(await look({ script: 'echo worse >&2; exit 4', normalExit: [0, 3] })).toEqual({
      verdict: 'error',
      because: 'its script ended with code 4: worse',
    })
    expect((await look({ script: 'exit 3', normalExit: [0, 3] })).verdict).toBe('normal')
    expect((await look({ script: 'kill -9 $$' })).verdict).toBe('error')
    await m.host.ok(['chmod', '-R', 'a+rx', m.lab.directory])
    const perl = '#!/usr/bin/perl\nprint "$> ", getpriority(0, 0), "\\n";'
    expect((await look({ script: perl, user: 'nobody', nice: 7 })).because).toBe(
      'its script ended with code 0: 65534 7',
    )
    const hanging = 'sleep 1000 & echo $! >/run/child; sleep 1000'
    const late = await look({ script: hanging, timeout: 200 })
    expect(late).toMatchObject({ verdict: 'unknown', because: expect.stringContaining('was killed') })
    const child = (await m.host.ok(['cat', '/run/child'])).trim()
    await until(async () => (await m.host.run(['kill', '-0', child])).code !== 0, 5000, 'its child to be killed')
  })

  liveTest('async: is fine while its script stays, and starts it again', needs, async () => {
    await using m = await machine()
    const script = 'echo $$ >/run/main; exec sleep 1000'
    const any = m.drivers.monitor('any', { type: 'genw', mode: 'async', script })
    expect((await m.drivers.look(any)).value.verdict).toBe('unknown')
    const watched = await m.drivers.watchMonitor(any)
    const main = async () => (await m.host.ok(['cat', '/run/main'])).trim()
    const first = await until(main, 5000, 'its script to run')
    expect((await m.drivers.look(any)).value).toEqual({
      verdict: 'normal',
      because: `its script runs as process ${first}`,
    })
    const killed = now()
    await m.host.ok(['kill', first])
    const told = await watched.next()
    expect(told.value).toEqual({ verdict: 'error', because: 'its script ended with a signal' })
    expect(told.at - killed).toBeLessThan(atOnceMs)
    expect((await m.drivers.look(any)).value.verdict).toBe('normal')
    const second = await until(async () => (await main()) !== first && main(), 5000, 'the next script')
    await watched.cancel()
    await until(async () => (await m.host.run(['kill', '-0', second])).code !== 0, 5000, 'its script to be killed')
    expect(watched.told()).toHaveLength(1)
  })
})
