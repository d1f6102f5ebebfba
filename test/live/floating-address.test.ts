import { expect } from 'vitest'
import { DriverHost } from './drivers/driver-host.ts'
import { driverMachine as machine } from './drivers/driver-machine.ts'
import type { Host } from './lab/host.ts'
import type { Lab } from './lab/lab.ts'
import { liveTest } from './lab/live-test.ts'
import { atOnceMs, now, until } from './lab/until.ts'

const needs = { needs: ['lab'] } as const
const ok = { ok: true }
const address = '10.77.2.100'

/** The client's neighbour cache says that the address is there. */
const isKnownAt = async ({ client }: Lab, { mac }: Host): Promise<boolean> =>
  (await client.ok(['ip', 'neigh', 'show', address])).includes(mac.public)

liveTest('a floating address moves to the NIC of its subnet, and clients learn its MAC at once', needs, async () => {
  await using m = await machine(['s1', 's2'])
  const { lab, drivers } = m
  const [s1, s2] = [lab.host('s1'), lab.host('s2')]
  const other = await DriverHost.start(s2, lab.directory)
  const fip = drivers.resource('ip', { type: 'fip', address })
  expect(await drivers.probe(fip)).toBe('off')
  const first = await drivers.activate(fip)
  expect(first.value).toEqual({ ok: true, detail: 'on pub0' })
  expect(await drivers.probe(fip)).toBe('on')
  expect(await s1.ok(['ip', '-o', 'addr', 'show', 'to', address])).toContain(`${address}/24 brd 10.77.2.255`)
  expect(await lab.client.ping(address)).not.toBeNull()
  expect(await isKnownAt(lab, s1)).toBe(true)
  const down = await drivers.deactivate(fip)
  expect(down.value).toEqual(ok)
  expect((await drivers.deactivate(fip)).value).toEqual(ok)
  const second = await other.activate({ ...fip, instance: other.instance })
  expect(second.value).toMatchObject(ok)
  // Without the announcement this entry would be believed for up to a minute.
  await until(() => isKnownAt(lab, s2), 500, 'the client to learn the new MAC')
  console.info(
    `fip: on ${first.elapsedMs.toFixed(1)} / ${second.elapsedMs.toFixed(1)} ms, off ${down.elapsedMs.toFixed(1)} ms`,
  )
})

liveTest(
  'a floating address that comes to a server whose network is cut is learnt by clients soon after the cut is mended',
  needs,
  async () => {
    await using m = await machine(['s1', 's2'])
    const { lab, drivers } = m
    const [s1, s2] = [lab.host('s1'), lab.host('s2')]
    const other = await DriverHost.start(s2, lab.directory)
    const fip = drivers.resource('ip', { type: 'fip', address })
    expect((await drivers.activate(fip)).value).toMatchObject(ok)
    expect(await lab.client.ping(address)).not.toBeNull()
    expect((await drivers.deactivate(fip)).value).toEqual(ok)
    await lab.cut({ host: 's2', network: 'public' })
    expect((await other.activate({ ...fip, instance: other.instance })).value).toMatchObject(ok)
    const taken = now()
    // Long enough for the announcements of the first second to be lost.
    await until(() => Promise.resolve(now() - taken > 1300), 5000, 'the first second to be over')
    expect(await isKnownAt(lab, s1)).toBe(true)
    await lab.heal()
    await until(() => isKnownAt(lab, s2), 5000, 'the client to learn the new MAC')
    console.info(`fip: learnt ${(now() - taken).toFixed(0)} ms after it was taken over behind a cut`)
  },
)

liveTest('a floating address is refused when somebody answers for it, unless it is forced', needs, async () => {
  await using m = await machine(['s1', 's2'])
  const { lab, drivers } = m
  const s2 = lab.host('s2')
  await s2.addAddress(address)
  const fip = drivers.resource('ip', { type: 'fip', address })
  const refused = await drivers.activate(fip)
  expect(refused.value).toEqual({
    ok: false,
    because: `${s2.mac.public} answers for ${address} on pub0`,
    stalled: false,
  })
  expect(await drivers.probe(fip)).toBe('off')
  const forced = await drivers.activate(drivers.resource('ip', { type: 'fip', address, duplicate: 'force' }))
  expect(forced.value).toEqual({
    ok: true,
    detail: `on pub0, by force: ${s2.mac.public} answers for ${address} on pub0`,
  })
  expect(await drivers.probe(fip)).toBe('on')
})

liveTest('a floating address of IPv6 is taken in the same way', needs, async () => {
  await using m = await machine(['s1', 's2'])
  const { lab, drivers } = m
  const [s1, s2] = [lab.host('s1'), lab.host('s2')]
  const other = await DriverHost.start(s2, lab.directory)
  const v6 = 'fd77:2::100'
  const fip = drivers.resource('ip', { type: 'fip', address: v6, duplicateWait: 1000, duplicatePatience: 0 })
  await until(() => s1.ping(s2.address6.public), 10_000, 'IPv6 to be ready')
  const on = await drivers.activate(fip)
  expect(on.value).toEqual({ ok: true, detail: 'on pub0' })
  expect(await s2.ping(v6)).not.toBeNull()
  const refused = await other.activate({ ...fip, instance: other.instance })
  expect(refused.value).toMatchObject({ ok: false, because: `${s1.mac.public} answers for ${v6} on pub0` })
  expect((await drivers.deactivate(fip)).value).toEqual(ok)
  expect((await other.activate({ ...fip, instance: other.instance })).value).toMatchObject(ok)
  expect(await lab.client.ping(v6)).not.toBeNull()
})

liveTest(
  'a floating address is refused where no NIC holds its subnet, and where the NIC cannot serve',
  needs,
  async () => {
    await using m = await machine()
    const { drivers, lab, host } = m
    const foreign = await drivers.activate(drivers.resource('ip', { type: 'fip', address: '192.0.2.1' }))
    expect(foreign.value).toMatchObject({
      because: expect.stringMatching(
        /^no NIC of this server holds the subnet of 192\.0\.2\.1; .*pub0 10\.77\.2\.11\/24/,
      ),
    })
    const noNic = await drivers.activate(drivers.resource('ip', { type: 'fip', address, nic: 'eth9' }))
    expect(noNic.value).toMatchObject({ because: 'there is no NIC eth9; there are lo, ic0, pub0' })
    await lab.carrier('s1', 'public', 'down')
    await until(async () => (await host.ok(['ip', 'link', 'show', 'pub0'])).includes('NO-CARRIER'), 5000, 'no carrier')
    const fip = drivers.resource('ip', { type: 'fip', address })
    expect((await drivers.activate(fip)).value).toMatchObject({ because: 'NIC pub0 has no link' })
    await host.ok(['ip', 'link', 'set', 'pub0', 'down'])
    expect((await drivers.activate(fip)).value).toMatchObject({ because: 'NIC pub0 is down' })
  },
)

liveTest('a floating address that somebody takes away is noticed', needs, async () => {
  await using m = await machine()
  const fip = m.drivers.resource('ip', { type: 'fip', address })
  await m.drivers.activate(fip)
  const watched = await m.drivers.watch(fip)
  const removed = now()
  await m.host.ok(['ip', 'addr', 'del', `${address}/24`, 'dev', 'pub0'])
  const { value, at } = await watched.next()
  expect(value).toBe(`${address} is not on any NIC any more`)
  expect(at - removed).toBeLessThan(atOnceMs)
})
