/** Mirror disks on real hosts: whatever happens to either side, what was acknowledged is there. */
import { describe, expect } from 'vitest'
import { defaultBlockBytes } from '../../../src/mirror/cluster-partition.ts'
import { until } from '../lab/until.ts'
import { patient } from './configuration.ts'
import { usedUnits } from './mirror-bounds.ts'
import { mirror, mirrorMonitors, mirrorMs } from './mirror-cluster.ts'
import { mirrorTest } from './mirror-test.ts'

describe('a mirror disk', () => {
  mirrorTest(
    'outlives agents and data planes, and moves',
    { timing: patient, data: { ackTimeout: '2s' } },
    async (mirrored) => {
      const { cluster } = mirrored
      const activations = async () => (await cluster.events('ResourceActivated')).length
      const before = await activations()
      await cluster.restartAgent('s1')
      await cluster.waitUntilSettled()
      await mirrored.waitUntilWritten()
      expect(await activations()).toBe(before)

      await mirrored.signalPlane('s2', 'SIGKILL')
      await mirrored.waitForDeaths(1)
      await mirrored.waitUntilWhole()
      await mirrored.waitUntilWritten()

      await mirrored.signalPlane('s2', 'SIGSTOP')
      await mirrored.waitUntilBroken()
      expect((await cluster.events('MirrorBroken')).at(-1)?.data.because).toMatch(/^no answer for \d+ ms$/)
      await mirrored.waitUntilWritten()
      await mirrored.waitForDeaths(2)
      await mirrored.waitUntilWhole()

      await mirrored.signalPlane('s1', 'SIGKILL')
      await mirrored.waitForDeaths(3)
      await mirrored.waitUntilWritten()
      await mirrored.waitUntilWhole()
      await cluster.waitUntilSettled()

      const owner = await mirrored.owner()
      const other = owner === 's1' ? 's2' : 's1'
      // Whoever writes cannot even be killed, until the data plane counts as dead.
      await mirrored.signalPlane(owner, 'SIGSTOP')
      await cluster.do(owner, 'group', 'move', 'db', '--to', other)
      await mirrored.waitUntilOnline(other)
      expect(await cluster.events('ServerStopOrdered')).toEqual([])
      await mirrored.waitForDeaths(4)
      await mirrored.waitUntilWritten()
      await mirrored.expectNothingLost(other)
      await mirrored.waitUntilWhole()
      await cluster.do(owner, 'mirror', 'verify', mirror)
      expect((await cluster.events('MirrorVerified')).at(-1)?.data.differentBytes).toBe(0)
      await mirrored.expectEqualAndClean()
    },
  )

  mirrorTest(
    'goes on when its disk fails, its connects are cut, one or all, and its standby crashes, and its monitors tell',
    { monitors: mirrorMonitors, data: { encryption: true } },
    async (mirrored) => {
      const { cluster } = mirrored
      await mirrored.waitForVerdicts({ state: 'normal', connect: 'normal' })
      await mirrored.failWrites('s1')
      try {
        const isDetached = async () => (await mirrored.mirror())?.detached?.server === 's1'
        await until(isDetached, mirrorMs, 's1 to go on with the disk of s2')
        await mirrored.waitUntilWritten()
        await mirrored.waitForVerdicts({ state: 'error', connect: 'normal' })
        expect(await mirrored.owner()).toBe('s1')
        const [said, alerts] = [await cluster.do('s1', 'mirror', 'status', mirror), await cluster.do('s1', 'alerts')]
        expect(said).toMatch(/the disk of s1 has failed while it served: .*baton mirror replace-disk db.data s1/)
        expect(said).toMatch(/write failed, told once since .*EPERM.*bad at byte \d+/)
        expect(alerts).toMatch(/md 18 .*the disk of server s1 has failed; it goes on with that of s2 alone/)
        await cluster.do('s1', 'group', 'move', 'db', '--to', 's2')
        await mirrored.waitUntilOnline('s2')
        await mirrored.expectNothingLost('s2')
      } finally {
        await mirrored.mendWrites('s1')
      }
      await mirrored.waitUntilWhole()
      await cluster.do('s1', 'group', 'move', 'db', '--to', 's1')
      await mirrored.waitUntilOnline('s1')
      await mirrored.waitUntilWhole()

      await cluster.lab.cut({ between: ['s1', 's2'], network: 'interconnect' })
      await mirrored.waitUntilWritten()
      // Of its disk, which has failed before.
      await mirrored.waitForVerdicts({ state: 'warning', connect: 'warning' })
      await cluster.lab.cut({ between: ['s1', 's2'], network: 'public' })
      await mirrored.waitUntilBroken()
      await mirrored.waitUntilWritten()
      await mirrored.waitForVerdicts({ state: 'error', connect: 'error' })
      await cluster.lab.heal()
      await mirrored.waitUntilWhole()

      await cluster.powerOff('s2')
      await mirrored.waitUntilBroken()
      await mirrored.waitUntilWritten()
      await cluster.powerOn('s2')
      await mirrored.waitUntilWhole()
      await mirrored.waitUntilWritten()

      await cluster.powerOff('s1')
      await mirrored.waitUntilOnline('s2')
      await mirrored.waitUntilWritten()
      await mirrored.expectNothingLost('s2')
      await mirrored.waitForVerdicts({ state: 'error', connect: 'error' })
      await cluster.powerOn('s1')
      await mirrored.waitUntilWhole()
      await mirrored.waitForVerdicts({ state: 'normal', connect: 'normal' })
      await mirrored.expectEqualAndClean()
    },
  )

  mirrorTest('knows by itself that one of its copies was restored from a backup', {}, async (mirrored) => {
    const { cluster } = mirrored
    await mirrored.waitUntilWritten()
    await cluster.do('s1', 'group', 'stop', 'db')
    const backups = { s1: await mirrored.backUp('s1'), s2: await mirrored.backUp('s2') }
    await cluster.do('s1', 'group', 'start', 'db')
    await mirrored.waitUntilOnline('s1')
    await mirrored.waitUntilWritten()
    await mirrored.waitUntilWhole()

    await cluster.powerOff('s2')
    await mirrored.waitUntilBroken()
    await mirrored.waitUntilWritten()
    await mirrored.restore('s2', backups.s2)
    await cluster.powerOn('s2')
    const isSeen = async () =>
      (await mirrored.mirror())?.sides.s2?.seen?.verdict.is === 'older' || (await mirrored.mirror())?.stale === null
    await until(isSeen, mirrorMs, 'the copy of s2 to be seen')
    expect(await cluster.do('s1', 'alerts')).toMatch(/md 6 .*the copy of server s2 is from the past/)
    await mirrored.waitUntilWhole()
    // The log knows what was written since then.
    expect(await mirrored.lastResync()).toMatchObject({ copy: 'differences', target: 's2' })
    await cluster.do('s1', 'group', 'move', 'db', '--to', 's2')
    await mirrored.waitUntilOnline('s2')
    await mirrored.expectNothingLost('s2')
    await mirrored.expectEqualAndClean()

    // The log has outlived both servers: it was on the witness. Neither copy is believed until somebody says so.
    for (const server of cluster.servers) await cluster.powerOff(server)
    await mirrored.restore('s1', backups.s1)
    await mirrored.restore('s2', backups.s2)
    for (const server of cluster.servers) await cluster.powerOn(server)
    const areSeen = async () =>
      Object.values((await mirrored.mirror())?.sides ?? {}).every(({ seen }) => seen?.verdict.is === 'older')
    await until(areSeen, mirrorMs, 'both copies to be seen')
    const { code, stdout } = await cluster.baton('s1', ['group', 'start', 'db'])
    expect(code, stdout).not.toBe(0)
    await cluster.do('s1', 'mirror', 'force', mirror, 's1', '--yes')
    await cluster.do('s1', 'group', 'start', 'db')
    await mirrored.waitUntilOnline('s1')
    await mirrored.waitUntilWhole()
    await mirrored.expectEqualAndClean()
  })

  const metrics = { listen: '127.0.0.1:29020' }
  const operated = 'does what operators order, and tells what came of it'
  mirrorTest(operated, { needs: ['nbdcopy', 'nbdinfo'], more: { metrics } }, async (mirrored) => {
    const { cluster } = mirrored
    const order = (...args: readonly string[]) => cluster.do('s1', 'mirror', ...args)
    const isShown = async () =>
      /s1 now: serves, both sides are written, over interconnect, [\d.]+ ms, .* behind/.test(
        await order('status', mirror),
      )
    await until(isShown, mirrorMs, 'the data plane of s1 to say how far the other side is')
    const scrape = `fetch('http://${metrics.listen}/metrics').then((answer) => answer.text()).then(console.log)`
    const scraped = await cluster.host('s1').ok([process.execPath, '-e', scrape])
    expect(scraped).toMatch(/^baton_mirror_condition\{mirror="db.data",condition="paired"\} 1$/m)
    expect(scraped).toMatch(/^baton_mirror_written_bytes_total\{mirror="db.data"\} [1-9]\d*$/m)
    await order('break', mirror)
    await mirrored.waitUntilBroken()
    await mirrored.waitUntilWritten()
    await order('connect', mirror)
    await mirrored.waitUntilWhole()
    const afterBreak = await mirrored.lastResync()
    expect(afterBreak).toMatchObject({ copy: 'differences', target: 's2' })
    const before = await mirrored.acknowledged()
    await order('split', mirror)
    await mirrored.waitUntilBroken()
    await mirrored.waitUntilWritten()
    await mirrored.expectInSnapshot('s2', before)
    await order('rejoin', mirror)
    await mirrored.waitUntilWhole()

    await order('resync', mirror, '--full')
    await mirrored.waitUntilWhole()
    expect((await mirrored.lastResync())?.totalBytes).toBe(48 * 1_048_576)

    await mirrored.corrupt('s2')
    await order('verify', mirror)
    const verified = async () => (await cluster.events('MirrorVerified')).at(-1)?.data.differentBytes
    expect(await verified()).toBeGreaterThan(0)
    expect(await order('status', mirror)).toMatch(/verified .*: .* differ: baton mirror resync db.data/)
    await order('resync', mirror)
    await order('verify', mirror)
    expect(await verified()).toBe(0)

    await order('break', mirror)
    await mirrored.waitUntilBroken()
    await mirrored.fillWithRubbish('s2')
    await order('replace-disk', mirror, 's2', '--yes')
    await order('connect', mirror)
    await mirrored.waitUntilWhole()
    expect(await mirrored.lastResync()).toMatchObject({ copy: 'everything', totalBytes: 48 * 1_048_576 })

    await mirrored.enlarge('s1', 32)
    const resize = await cluster.baton('s1', ['mirror', 'resize', mirror])
    expect(resize.code).not.toBe(0)
    expect(resize.stderr).toMatch(/data partition of s2 has 48.0 MiB, no more than is mirrored: enlarge it too/)
    await mirrored.enlarge('s2', 24)
    // Growing ext4 while it is mounted needs a capability that the root of a container may lack.
    const resized = await cluster.baton('s1', ['mirror', 'resize', mirror])
    expect(resized.stdout + resized.stderr).toMatch(
      /72.0 MiB are mirrored, (ext4 has grown|but not all of it is used: resize2fs .* Permission denied)/,
    )
    expect(await mirrored.fileSystemMiB('s1')).toBeGreaterThan(resized.code === 0 ? 60 : 30)
    await mirrored.waitUntilWritten()
    await mirrored.waitUntilWhole()
    await order('verify', mirror)
    const whole = { checkedBytes: 72 * 1_048_576, differentBytes: 0 }
    expect((await cluster.events('MirrorVerified')).at(-1)?.data).toMatchObject(whole)
    await mirrored.expectNothingLost('s1')
    await mirrored.expectEqualAndClean()
    // Nothing is written but where the file system uses something; it uses more by now.
    const used = await usedUnits(mirrored.disks.s1?.data.file ?? '', defaultBlockBytes)
    expect(afterBreak?.totalBytes).toBeLessThanOrEqual(used.size * defaultBlockBytes)
  })
})
