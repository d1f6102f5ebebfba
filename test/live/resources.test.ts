import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect } from 'vitest'
import type { ResourceContext } from '../../src/agents/resources/driver.ts'
import { driverMachine as machine } from './drivers/driver-machine.ts'
import { liveTest } from './lab/live-test.ts'
import { atOnceMs, now, until } from './lab/until.ts'

const needs = { needs: ['lab'] } as const
const needsDisk = { needs: ['lab', 'losetup', 'mkfs.ext4'] } as const
const ok = { ok: true }
const daemon = `perl -e '
  use POSIX; fork and exit; POSIX::setsid(); fork and exit; %ENV = (); chdir "/"; $0 = "hidden"; sleep 1000'`

const logOf = ({ logDirectory, group, resource }: ResourceContext): string =>
  readFileSync(join(logDirectory, `${group}.${resource}.log`), 'utf8')

describe('exec, resident', () => {
  liveTest('is on while its process lives, for a new agent too, and its death is told at once', needs, async () => {
    await using m = await machine()
    const app = m.drivers.resource('app', { type: 'exec', start: 'echo "$CLP_EVENT $BATON_EPOCH $$"; exec sleep 1000' })
    expect(await m.drivers.probe(app)).toBe('off')
    expect(await m.drivers.activate(app)).toMatchObject({ value: ok })
    expect(await m.drivers.probe(app)).toBe('on')
    expect((await m.drivers.activate(app)).value).toEqual({ ok: true, detail: 'it was running already' })
    await m.drivers.restart()
    expect(await m.drivers.probe(app)).toBe('on')
    const watched = await m.drivers.watch(app)
    const pid = /^START 7 (\d+)$/m.exec(logOf(app))?.[1] ?? ''
    const killed = now()
    await m.host.ok(['kill', '-KILL', pid])
    const { value, at } = await watched.next()
    expect(value).toBe(`process ${pid} ended with a signal`)
    expect(at - killed).toBeLessThan(atOnceMs)
    console.info(`death of an adopted process told after ${(at - killed).toFixed(1)} ms, kill(1) in nsenter included`)
    expect(await m.drivers.probe(app)).toBe('off')
    const again = await m.drivers.activate(app)
    expect(again.value).toMatchObject(ok)
    console.info(`resident start: ${again.elapsedMs.toFixed(1)} ms`)
  })

  liveTest('that ends at once has failed, and says with what', needs, async () => {
    await using m = await machine()
    // A busy machine may take longer to end it than a start waits for that; then the watch tells, so it is started again.
    const failing = (resource: Parameters<typeof m.drivers.activate>[0]) =>
      until(
        async () => {
          const { value } = await m.drivers.activate(resource)
          return value.ok ? null : value
        },
        10_000,
        'a start whose end is seen at once',
      )
    const missing = m.drivers.resource('app', { type: 'exec', start: 'exec no-such-program' })
    expect(await failing(missing)).toMatchObject({ stalled: false, because: expect.stringContaining('not found') })
    const background = m.drivers.resource('app', { type: 'exec', start: 'sleep 1000 &' })
    expect(await failing(background)).toMatchObject({ because: expect.stringContaining('needs mode run-to-end') })
    expect(await m.drivers.probe(background)).toBe('partial')
    expect((await m.drivers.deactivate(background)).value).toEqual(ok)
    expect(await m.drivers.probe(background)).toBe('off')
  })

  liveTest('is stopped with patience, then killed; at once when it is urgent', needs, async () => {
    await using m = await machine()
    const stubborn = { type: 'exec', start: `trap '' TERM; echo deaf; while :; do sleep 1; done`, killAfter: atOnceMs }
    const app = m.drivers.resource('app', stubborn)
    await m.drivers.activate(app)
    await until(() => logOf(app).includes('deaf'), 10_000, 'it to be deaf to SIGTERM')
    const patient = await m.drivers.deactivate(app)
    expect(patient.value).toEqual(ok)
    expect(patient.elapsedMs).toBeGreaterThan(atOnceMs)
    await m.drivers.activate(app)
    const urgent = await m.drivers.deactivate(app, { urgent: true })
    expect(urgent.value).toEqual(ok)
    expect(urgent.elapsedMs).toBeLessThan(atOnceMs)
    const willing = m.drivers.resource('app', { type: 'exec', start: 'exec sleep 1000' })
    await m.drivers.activate(willing)
    const stopped = await m.drivers.deactivate(willing)
    expect(stopped.value).toEqual(ok)
    console.info(
      `stop: by SIGTERM ${stopped.elapsedMs.toFixed(1)} ms, urgent ${urgent.elapsedMs.toFixed(1)} ms,` +
        ` after a patience of ${atOnceMs} ms ${patient.elapsedMs.toFixed(1)} ms`,
    )
    expect((await m.drivers.deactivate(willing)).value).toEqual(ok)
  })
})

describe('exec, run to the end', () => {
  liveTest('finds and kills a daemon that hid from everything, also for a new agent', needs, async () => {
    await using m = await machine()
    const app = m.drivers.resource('app', { type: 'exec', mode: 'run-to-end', start: daemon })
    const started = await m.drivers.activate(app)
    expect(started.value).toEqual(ok)
    const tag = `${m.drivers.instance}.web.app`
    await until(async () => (await m.drivers.members(tag)).length === 1, 5000, 'only the daemon to be left')
    await m.drivers.restart()
    expect(await m.drivers.probe(app)).toBe('on')
    const [hidden] = await m.drivers.members(tag)
    expect(await m.host.ok(['cat', `/proc/${hidden?.pid}/cmdline`])).toContain('hidden')
    expect((await m.drivers.deactivate(app)).value).toEqual(ok)
    expect(await m.drivers.members(tag)).toEqual([])
    expect((await m.host.run(['cat', `/proc/${hidden?.pid}/cmdline`])).code).not.toBe(0)
  })

  liveTest('works with 300 environment variables, as another user, as a whole script', needs, async () => {
    await using m = await machine()
    const many = Object.fromEntries(Array.from({ length: 300 }, (_, i) => [`BATON_TEST_${i}`, `value ${i}`]))
    const start = '#!/usr/bin/perl\nprint scalar(grep { /^BATON_TEST_/ } keys %ENV), " $> $ENV{HOME}\\n";'
    await m.host.ok(['chmod', '-R', 'a+rx', m.lab.directory])
    const app = m.drivers.resource('app', { type: 'exec', mode: 'run-to-end', user: 'nobody', start }, many)
    expect((await m.drivers.activate(app)).value).toEqual(ok)
    expect(logOf(app)).toMatch(/^300 65534 \//)
    expect((await m.drivers.deactivate(app)).value).toEqual(ok)
    expect(
      (await m.host.ok(['ls', app.logDirectory])).split('\n').filter((name) => /\.(start|state)$/.test(name)),
    ).toEqual([])
  })

  liveTest('fails with the code of its script, and stalls at its time-out', needs, async () => {
    await using m = await machine()
    const failing = m.drivers.resource('app', { type: 'exec', mode: 'run-to-end', start: 'echo no database; exit 3' })
    expect((await m.drivers.activate(failing)).value).toEqual({
      ok: false,
      because: 'the start script ended with code 3: no database',
      stalled: false,
    })
    const hanging = m.drivers.resource('app', { type: 'exec', mode: 'run-to-end', start: 'sleep 1000' })
    expect((await m.drivers.activate(hanging, 200)).value).toMatchObject({ ok: false, stalled: true })
    expect((await m.drivers.deactivate(hanging)).value).toEqual(ok)
    const aborted = await m.drivers.abortedActivation(
      hanging,
      async () => (await m.drivers.probe(hanging)) === 'partial',
    )
    expect(aborted.value).toMatchObject({ ok: false, because: 'cancelled while the start script ran' })
    expect(await m.drivers.probe(hanging)).toBe('off')
  })

  liveTest('is killed when its stop script hangs, and says so', needs, async () => {
    await using m = await machine()
    const app = m.drivers.resource('app', {
      type: 'exec',
      mode: 'run-to-end',
      start: 'setsid sleep 1000 &',
      stop: 'sleep 1000',
    })
    expect((await m.drivers.activate(app)).value).toEqual(ok)
    const stopped = await m.drivers.deactivate(app, { timeoutMs: 500 })
    expect(stopped.value).toMatchObject({ ok: false, stalled: true })
    expect(stopped.elapsedMs).toBeLessThan(500 + atOnceMs)
    expect(await m.drivers.members(`${m.drivers.instance}.web.app`)).toEqual([])
    expect((await m.drivers.deactivate(app, { urgent: true })).value).toEqual(ok)
    expect(await m.drivers.probe(app)).toBe('off')
  })

  liveTest('runs its stop script once, and not when it was never started', needs, async () => {
    await using m = await machine()
    const app = m.drivers.resource('app', { type: 'exec', mode: 'run-to-end', start: 'true', stop: 'echo stopping' })
    expect((await m.drivers.deactivate(app)).value).toEqual(ok)
    await m.drivers.activate(app)
    await m.drivers.deactivate(app)
    await m.drivers.deactivate(app)
    expect(logOf(app)).toBe('stopping\n')
  })

  liveTest('keeps two generations of its log', needs, async () => {
    await using m = await machine()
    const start = 'head -c 2000 /dev/zero | tr "\\0" x; echo'
    const app = m.drivers.resource('app', { type: 'exec', mode: 'run-to-end', start, logSize: 1024 })
    for (let i = 0; i < 4; i++) {
      await m.drivers.activate(app)
      await m.drivers.deactivate(app)
    }
    const files = (await m.host.ok(['ls', app.logDirectory]))
      .split('\n')
      .filter((name) => name.startsWith('web.app.log'))
    expect(files).toEqual(['web.app.log', 'web.app.log.1', 'web.app.log.2'])
  })
})

liveTest('without control groups a daemon is found by its environment and its session', needs, async () => {
  await using m = await machine()
  await m.drivers.end()
  const hide = 'for m in $(grep " - cgroup2 " /proc/self/mountinfo | cut -d" " -f5); do umount "$m"; done; exec "$@"'
  await m.drivers.begin(['unshare', '--mount', 'sh', '-c', hide, 'sh'])
  const forking = 'setsid sh -c "env -i sleep 1000 & wait" &'
  const app = m.drivers.resource('app', { type: 'exec', mode: 'run-to-end', start: forking })
  expect((await m.drivers.activate(app)).value).toEqual(ok)
  const tag = `${m.drivers.instance}.web.app`
  await until(async () => (await m.drivers.members(tag)).length === 2, 5000, 'the daemon and its child')
  const stopped = await m.drivers.deactivate(app)
  expect(stopped.value).toEqual(ok)
  expect(await m.drivers.members(tag)).toEqual([])
})

describe('disk', () => {
  liveTest('is mounted once, and unmounted although somebody holds a file', needsDisk, async () => {
    await using m = await machine()
    const { device } = await m.lab.loopDevice({ sizeMiB: 16, fileSystem: 'ext4' })
    const mountPoint = join(m.lab.directory, 'mnt')
    const disk = m.drivers.resource('disk', { type: 'disk', device, mountPoint, killUsersAfter: 200 })
    expect(await m.drivers.probe(disk)).toBe('off')
    const on = await m.drivers.activate(disk)
    expect(on.value).toEqual({ ok: true, detail: `on ${mountPoint}` })
    expect(await m.drivers.probe(disk)).toBe('on')
    expect((await m.drivers.activate(disk)).value).toEqual({ ok: true, detail: 'it was mounted already' })
    const elsewhere = m.drivers.resource('disk', { type: 'disk', device, mountPoint: '/mnt' })
    expect((await m.drivers.activate(elsewhere)).value).toMatchObject({
      because: `${device} is mounted on ${mountPoint}`,
    })
    const off = await m.drivers.deactivate(disk)
    expect(off.value).toEqual(ok)
    await m.drivers.activate(disk)
    const holder = await m.host.spawn(['sh', '-c', `exec 3>${mountPoint}/held; exec sleep 1000`])
    const sitter = await m.host.spawn(['sleep', '1000'], { cwd: '/' })
    await until(async () => (await m.host.run(['ls', `${mountPoint}/held`])).code === 0, 5000, 'the file to be held')
    const killing = await m.drivers.deactivate(disk)
    expect(killing.value).toEqual(ok)
    expect(killing.elapsedMs).toBeGreaterThan(200)
    await holder.exited
    expect(sitter.isRunning()).toBe(true)
    expect(await m.drivers.probe(disk)).toBe('off')
    await m.drivers.activate(disk)
    const ignoring = await m.host.spawn(['sh', '-c', `trap "" TERM; cd ${mountPoint}; while :; do sleep 1; done`])
    await until(async () => (await m.host.run(['umount', mountPoint])).code !== 0, 5000, 'the directory to be used')
    const urgent = await m.drivers.deactivate(disk, { urgent: true, timeoutMs: 800 })
    expect(urgent.value).toEqual(ok)
    await ignoring.exited
    console.info(
      `disk: on ${on.elapsedMs.toFixed(0)} ms, off ${off.elapsedMs.toFixed(0)} ms, urgent off ${urgent.elapsedMs.toFixed(0)} ms`,
    )
  })

  liveTest('is repaired before it is mounted, and refused when it cannot be', needsDisk, async () => {
    await using m = await machine()
    const { device } = await m.lab.loopDevice({ sizeMiB: 16, fileSystem: 'ext4' })
    const mountPoint = join(m.lab.directory, 'mnt')
    const disk = m.drivers.resource('disk', { type: 'disk', device, mountPoint, fileSystem: 'ext4' })
    // "Has errors": what the kernel writes when it finds some.
    await m.host.ok(['debugfs', '-w', '-R', 'set_super_value state 2', device])
    expect((await m.drivers.activate(disk)).value).toMatchObject(ok)
    expect(await m.host.ok(['dumpe2fs', '-h', device])).toMatch(/Filesystem state: +clean/)
    await m.drivers.deactivate(disk)
    await m.host.ok(['dd', 'if=/dev/zero', `of=${device}`, 'bs=1M', 'count=16', 'conv=fsync'])
    expect((await m.drivers.activate(disk)).value).toMatchObject({
      ok: false,
      because: expect.stringContaining('fsck'),
    })
    const gone = m.drivers.resource('disk', { type: 'disk', device: '/dev/no-such-disk', mountPoint })
    expect((await m.drivers.activate(gone)).value).toMatchObject({
      ok: false,
      because: expect.stringContaining('ENOENT'),
    })
  })

  liveTest(
    'is refused while another host of this kernel has it, and not called free while one does',
    needsDisk,
    async () => {
      await using m = await machine(['s1', 's2'])
      const { lab, drivers } = m
      const { device } = await lab.loopDevice({ sizeMiB: 16, fileSystem: 'ext4' })
      const mountPoint = join(lab.directory, 'mnt')
      const disk = drivers.resource('disk', { type: 'disk', device, mountPoint })
      await lab.host('s2').ok(['mount', device, '/mnt'])
      expect((await drivers.activate(disk)).value).toMatchObject({
        because: expect.stringContaining('in use on this server'),
      })
      expect(await drivers.probe(disk)).toBe('partial')
      expect((await drivers.deactivate(disk)).value).toMatchObject({ ok: false })
      await lab.host('s2').ok(['umount', '/mnt'])
      expect((await drivers.activate(disk)).value).toMatchObject(ok)
    },
  )
})

liveTest('service: says clearly that systemd is not running', needs, async () => {
  await using m = await machine()
  const unit = m.drivers.resource('unit', { type: 'service', unit: 'cron.service' })
  expect((await m.drivers.activate(unit)).value).toEqual({
    ok: false,
    because: 'systemd is not running on this server',
    stalled: false,
  })
  expect(await m.drivers.probe(unit)).toBe('off')
})
