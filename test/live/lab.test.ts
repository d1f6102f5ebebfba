import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readdirSync, readFileSync, readlinkSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { describe, expect } from 'vitest'
import type { Host } from './lab/host.ts'
import type { HostProcess } from './lab/host-process.ts'
import { createLab, type Lab } from './lab/lab.ts'
import { liveTest } from './lab/live-test.ts'
import { loopDevicesBelow } from './lab/loop-device.ts'
import { until, within } from './lab/until.ts'

const bannerServer = new URL('lab/banner-server.pl', import.meta.url).pathname
const labModule = new URL('lab/lab.ts', import.meta.url).href
const port = 8080
const floating = '10.77.2.100'

const hosts = ['s1', 's2'] as const
const needs = { needs: ['lab'] } as const
const needsDisks = { needs: ['lab', 'losetup', 'mkfs.ext4'] } as const

describe('hosts', () => {
  liveTest('see each other on both networks, by IPv4 and IPv6', needs, async () => {
    await using lab = await createLab({ hosts })
    const { s1, s2 } = pair(lab)
    for (const network of ['interconnect', 'public'] as const) {
      expect(await s1.ping(s2.address[network])).not.toBeNull()
      expect(await s2.ping(s1.address6[network])).not.toBeNull()
    }
    expect(await lab.client.ping(s1.address.public)).not.toBeNull()
    expect(await lab.client.whoHas(s2.address.public)).toEqual([s2.mac.public])
  })

  liveTest('have a name, processes and interfaces of their own', needs, async () => {
    await using lab = await createLab({ hosts })
    const { s1 } = pair(lab)
    expect(await s1.ok(['hostname'])).toBe('s1\n')
    expect((await s1.ok(['ls', '/sys/class/net'])).split(/\s+/).sort()).toEqual(['', 'ic0', 'lo', 'pub0'])
    const sleeper = await s1.spawn(['sleep', '1000'])
    expect(sleeper.innerPid).toBeLessThan(1000)
    expect(await s1.ok(['cat', `/proc/${sleeper.innerPid}/comm`])).toBe('sleep\n')
    expect(readFileSync(`/proc/${sleeper.pid}/comm`, 'utf8')).toBe('sleep\n')
  })

  liveTest('report how commands end', needs, async () => {
    await using lab = await createLab({ hosts })
    const { s1 } = pair(lab)
    expect(await s1.run(['sh', '-c', 'cat; echo $WORD >&2; exit 7'], { input: 'in', env: { WORD: 'heard' } })).toEqual({
      code: 7,
      stdout: 'in',
      stderr: 'heard\n',
    })
    await expect(s1.run(['no-such-program'])).rejects.toThrow('No such file')
    await expect(s1.run(['sleep', '1000'], { timeoutMs: 100 })).rejects.toThrow('longer than 100 ms')
    // A daemon left behind holds the output open, and must not be waited for.
    expect((await within(5000, 'the shell', s1.run(['sh', '-c', 'sleep 1000 & echo left']))).stdout).toBe('left\n')
    const ended = await s1.spawn(['sh', '-c', 'echo last words; exit 3'])
    expect(await ended.exited).toEqual({ code: 3, signal: null })
    expect(await ended.log()).toBe('last words\n')
    const killed = await s1.spawn(['sleep', '1000'])
    killed.kill('SIGKILL')
    expect(await killed.exited).toEqual({ code: null, signal: 'SIGKILL' })
  })

  liveTest('are silent from the moment they are powered off', needs, async () => {
    await using lab = await createLab({ hosts })
    const { s1, s2 } = pair(lab)
    const service = await startBanners(s1)
    expect(await s2.ping(s1.address.interconnect)).not.toBeNull()
    await s1.powerOff()
    expect(
      await Promise.all([
        s2.ping(s1.address.interconnect, 200),
        s2.ping(s1.address6.public, 200),
        lab.client.whoHas(s1.address.public, { timeoutMs: 200 }),
      ]),
    ).toEqual([null, null, []])
    expect(await service.exited).toEqual({ code: null, signal: 'SIGKILL' })
    await expect(s1.run(['true'])).rejects.toThrow('s1 is off')
  })

  liveTest('come back with their disk and MACs, and an empty /run', needs, async () => {
    await using lab = await createLab({ hosts })
    const { s1, s2 } = pair(lab)
    await s1.addAddress(floating)
    await s1.ok(['sh', '-c', 'for place in /run /dev/shm /var/lib/baton; do echo kept >$place/file; done'])
    await s1.powerOff()
    await s1.powerOn()
    expect(await s2.whoHas(s1.address.public)).toEqual([s1.mac.public])
    expect(await s2.whoHas(floating, { timeoutMs: 200 })).toEqual([])
    expect(await s1.ok(['cat', '/var/lib/baton/file'])).toBe('kept\n')
    expect((await s1.run(['ls', '/run/file', '/dev/shm/file'])).stdout).toBe('')
    expect(existsSync('/run/file')).toBe(false)
  })

  liveTest('can be frozen and thawed, and die frozen', needs, async () => {
    await using lab = await createLab({ hosts })
    const { s1 } = pair(lab)
    const service = await startBanners(s1)
    const watch = await lab.client.watch({ address: s1.address.public, port })
    await watch.waitForBanner((banner) => banner.host === 's1', 2000)
    await s1.freeze()
    expect(stateOf(service.pid)).toBe('T')
    const frozenAt = watch.samples.length
    await until(() => watch.misses.length >= 20, 2000, 'misses')
    // One answer may have been on its way.
    expect(watch.samples.length).toBeLessThanOrEqual(frozenAt + 1)
    await s1.thaw()
    await watch.waitForBanner((banner) => banner.instance === String(service.innerPid), 2000)
    await s1.freeze()
    await s1.powerOff()
    expect(await service.exited).toEqual({ code: null, signal: 'SIGKILL' })
    await watch.stop()
  })
})

describe('networks', () => {
  liveTest('can be cut for one host, one network or one way, and healed', needs, async () => {
    await using lab = await createLab({ hosts })
    const { s1, s2 } = pair(lab)
    const heard = { s1: await listen(s1), s2: await listen(s2) }
    // Both must know each other's MAC before one of them goes deaf.
    await until(() => s1.ping(s2.address.interconnect), 2000, 's2')
    await lab.cut({ host: 's1', network: 'interconnect', direction: 'in' })
    await say(s2, s1.address.interconnect, 'lost')
    await say(s1, s2.address.interconnect, 'heard')
    await until(() => heard.s2.includes('heard'), 2000, 'what s1 said')
    expect(heard.s1).toEqual([])
    expect(await s1.ping(s2.address.interconnect, 100)).toBeNull()
    expect(await s1.ping(s2.address.public)).not.toBeNull()
    await lab.heal()
    expect(await s1.ping(s2.address.interconnect)).not.toBeNull()
    await lab.cut({ host: 's2', network: 'both' })
    expect(await s1.ping(s2.address.interconnect, 100)).toBeNull()
    expect(await s1.ping(s2.address.public, 100)).toBeNull()
    expect(await s1.ok(['cat', '/sys/class/net/ic0/carrier'])).toBe('1\n')
  })

  liveTest('can be cut between two hosts of three', needs, async () => {
    await using lab = await createLab({ hosts: ['s1', 's2', 'w'] })
    const { s1, s2 } = pair(lab)
    const w = lab.host('w')
    await lab.cut({ between: ['s1', 'w'], network: 'interconnect' })
    await lab.cut({ between: ['client', 's2'], network: 'public', direction: 'in' })
    expect(await s1.ping(w.address.interconnect, 100)).toBeNull()
    expect(await s1.ping(s2.address.interconnect)).not.toBeNull()
    expect(await w.ping(s2.address.interconnect)).not.toBeNull()
    expect(await lab.client.ping(s2.address.public, 100)).toBeNull()
    expect(await lab.client.ping(w.address.public)).not.toBeNull()
  })

  liveTest('can lose a cable, which the host notices', needs, async () => {
    await using lab = await createLab({ hosts })
    const { s1, s2 } = pair(lab)
    await lab.carrier('s1', 'public', 'down')
    expect(await s1.ok(['cat', '/sys/class/net/pub0/carrier'])).toBe('0\n')
    expect(await s2.ping(s1.address.public, 100)).toBeNull()
    await lab.carrier('s1', 'public', 'up')
    expect(await until(() => s2.ping(s1.address.public), 2000, 's1')).toBeGreaterThan(0)
  })
})

describe('the watch', () => {
  liveTest('measures the gap when a service and its address move', needs, async () => {
    await using lab = await createLab({ hosts })
    const { s1, s2 } = pair(lab)
    await s1.addAddress(floating)
    const first = await startBanners(s1, floating)
    const watch = await lab.client.watch({
      address: floating,
      addresses: [s1.address.public, s2.address.public],
      port,
    })
    const before = await watch.waitForBanner((banner) => banner.host === 's1', 2000)
    expect(before).toMatchObject({ address: floating, banner: { instance: String(first.innerPid) } })
    first.kill('SIGKILL')
    await first.exited
    await s1.removeAddress(floating)
    await s2.addAddress(floating)
    await startBanners(s2, floating)
    await watch.waitForBanner((banner) => banner.host === 's2', 5000)
    await watch.stop()
    expect(watch.gap('s1', 's2')).toBeGreaterThan(10)
    expect(watch.gap('s1', 's2')).toBeLessThan(1000)
    expect(watch.longestSilence()).toBe(watch.gap('s1', 's2'))
    expect(watch.overlaps()).toEqual([])
  })

  liveTest('measures a crash, not the second after which a lost SYN is repeated', needs, async () => {
    await using lab = await createLab({ hosts })
    const { s1, s2 } = pair(lab)
    await s1.addAddress(floating)
    await startBanners(s1)
    await startBanners(s2)
    const watch = await lab.client.watch({ address: floating, port })
    await watch.waitForBanner((banner) => banner.host === 's1', 2000)
    await s1.powerOff()
    await s2.addAddress(floating)
    await watch.waitForBanner((banner) => banner.host === 's2', 5000)
    await watch.stop()
    expect(watch.gap('s1', 's2')).toBeLessThan(500)
  })

  liveTest('reports two hosts that serve at once, and a return to the first', needs, async () => {
    await using lab = await createLab({ hosts })
    const { s1, s2 } = pair(lab)
    const watch = await lab.client.watch({ addresses: [s1.address.public, s2.address.public], port })
    await startBanners(s1)
    await watch.waitForBanner((banner) => banner.host === 's1', 2000)
    expect(watch.overlaps()).toEqual([])
    await startBanners(s2)
    const both = await watch.waitForBanner((banner) => banner.host === 's2', 2000)
    await until(() => watch.overlaps().length > 0, 2000, 'an overlap')
    await watch.stop()
    const [overlap] = watch.overlaps()
    expect(overlap).toMatchObject({ first: { host: 's1' }, second: { host: 's2' } })
    expect(overlap?.from).toBeLessThanOrEqual(both.at)
  })

  liveTest('reports an address that two hosts answer for in turn', needs, async () => {
    await using lab = await createLab({ hosts })
    const { s1, s2 } = pair(lab)
    await startBanners(s1)
    await startBanners(s2)
    await s1.addAddress(floating)
    const watch = await lab.client.watch({ address: floating, port })
    await watch.waitForBanner((banner) => banner.host === 's1', 2000)
    await s2.addAddress(floating)
    await watch.waitForBanner((banner) => banner.host === 's2', 2000)
    expect(watch.overlaps()).toEqual([])
    expect((await lab.client.whoHas(floating, { count: 2 })).sort()).toEqual([s1.mac.public, s2.mac.public])
    await s2.removeAddress(floating)
    await s1.removeAddress(floating)
    await s1.addAddress(floating)
    await watch.waitForBanner((banner) => banner.host === 's1', 2000)
    await watch.stop()
    expect(watch.overlaps()).toHaveLength(1)
  })
})

describe('a lab', () => {
  liveTest('has disks that all hosts share', needsDisks, async () => {
    await using lab = await createLab({ hosts })
    const { s1, s2 } = pair(lab)
    const { device } = await lab.loopDevice({ sizeMiB: 16, fileSystem: 'ext4' })
    const raw = await lab.loopDevice({ sizeMiB: 1 })
    await s1.ok(['sh', '-c', `mkdir /run/disk; mount ${device} /run/disk; echo kept >/run/disk/file; sync`])
    await s1.powerOff()
    await s2.ok(['sh', '-c', `mkdir /run/disk; mount ${device} /run/disk`])
    expect(await s2.ok(['cat', '/run/disk/file'])).toBe('kept\n')
    await s2.ok(['dd', `of=${raw.device}`, 'conv=fsync', 'status=none'], { input: 'raw' })
    expect(loopDevicesBelow(lab.directory)).toHaveLength(2)
    await lab.destroy()
    expect(loopDevicesBelow(lab.directory)).toEqual([])
  })

  liveTest('leaves nothing when it is destroyed, whatever its hosts were doing', needsDisks, async () => {
    const before = traces()
    const lab = await createLab({ hosts: ['s1', 's2', 'w'] })
    const { s1, s2 } = pair(lab)
    const { device } = await lab.loopDevice({ sizeMiB: 16, fileSystem: 'ext4' })
    await s1.ok(['sh', '-c', `mkdir /run/disk; mount ${device} /run/disk`])
    for (const host of lab.hosts) await startBanners(host)
    const watch = await lab.client.watch({ addresses: [s1.address.public, s2.address.public], port })
    await watch.waitForBanner((banner) => banner.host === 's2', 2000)
    await lab.cut({ host: 's2', network: 'both' })
    await lab.host('w').powerOff()
    await s2.freeze()
    const namespaces = await Promise.all([s1, s2, lab.client].map(networkNamespaceOf))
    expect(processesOf(lab.directory, namespaces)).not.toEqual([])
    await lab.destroy()
    await lab.destroy()
    expect(traces()).toEqual(before)
    expect(existsSync(lab.directory)).toBe(false)
    expect(loopDevicesBelow(lab.directory)).toEqual([])
    expect(processesOf(lab.directory, namespaces)).toEqual([])
  })

  for (const signal of ['SIGKILL', 'SIGINT'] as const) {
    liveTest(`leaves nothing when its owner gets ${signal}`, needsDisks, async () => {
      const before = traces()
      const { owner, directory, pids } = await labOfAnotherOwner()
      expect(pids.map(stateOf)).not.toContain('gone')
      owner.kill(signal)
      expect(await once(owner, 'exit')).toEqual([null, signal])
      await until(() => pids.every((pid) => stateOf(pid) === 'gone'), 5000, 'its processes to end')
      await until(() => loopDevicesBelow(directory).length === 0, 5000, 'its disk to be detached')
      // A killed owner cannot remove its files; the next one does.
      await using _next = await createLab({ hosts: [] })
      expect(existsSync(directory)).toBe(false)
      expect(traces()).toEqual(before)
    })
  }
})

const pair = (lab: Lab): { s1: Host; s2: Host } => ({ s1: lab.host('s1'), s2: lab.host('s2') })

/** Starts the banner service, and waits until it takes connections. */
const startBanners = async (host: Host, address?: string): Promise<HostProcess> => {
  const service = await host.spawn(['perl', bannerServer, String(port), ...(address ? [address] : [])])
  await until(async () => (await service.log()).includes('listening'), 2000, `the service on ${host.name}`)
  return service
}

/** What arrives at a host by UDP, as a list that grows. */
const listen = async (host: Host): Promise<string[]> => {
  const heard: string[] = []
  const receiver =
    'socket $s, AF_INET, SOCK_DGRAM, 0; bind $s, pack_sockaddr_in(5000, INADDR_ANY); $| = 1; print "ready\n";' +
    'while (defined recv $s, $text, 100, 0) { print "$text\n" }'
  await host.spawn(['perl', '-MSocket', '-e', receiver], { onLine: (line) => heard.push(line) })
  await until(() => heard.shift() === 'ready', 2000, `${host.name} to listen`)
  return heard
}

const say = async (host: Host, address: string, text: string): Promise<string> =>
  host.ok(['bash', '-c', `printf ${text} >/dev/udp/${address}/5000`])

/** The letter of a process's state, such as S, R or T. */
const stateOf = (pid: number): string => {
  try {
    const status = readFileSync(`/proc/${pid}/stat`, 'utf8')
    return status.charAt(status.lastIndexOf(')') + 2)
  } catch {
    return 'gone'
  }
}

/** What a lab could leave on the machine itself. */
const traces = (): Record<string, unknown> => ({
  interfaces: readdirSync('/sys/class/net'),
  namedNamespaces: execFileSync('ip', ['netns', 'list'], { encoding: 'utf8' }),
  mounts: readFileSync('/proc/self/mounts', 'utf8')
    .split('\n')
    .filter((line) => line.includes('baton')),
})

const networkNamespaceOf = async (host: Host): Promise<string> =>
  (await host.ok(['readlink', '/proc/self/ns/net'])).trim()

/** Every process of the machine that is in one of these namespaces, or names the directory. */
const processesOf = (directory: string, namespaces: readonly string[]): string[] =>
  readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .filter((pid) => {
      try {
        const command = readFileSync(`/proc/${pid}/cmdline`, 'utf8')
        return namespaces.includes(readlinkSync(`/proc/${pid}/ns/net`)) || command.includes(directory)
      } catch {
        return false
      }
    })

type ForeignLab = { readonly owner: ChildProcess; readonly directory: string; readonly pids: readonly number[] }

/** A busy lab whose owner is another process, and the numbers of some of its processes. */
const labOfAnotherOwner = async (): Promise<ForeignLab> => {
  const script = `
    const { createLab } = await import(${JSON.stringify(labModule)})
    const lab = await createLab({ hosts: ['s1', 's2'] })
    const disk = await lab.loopDevice({ sizeMiB: 16, fileSystem: 'ext4' })
    await lab.host('s1').ok(['mount', disk.device, '/mnt'])
    const sleepers = [await lab.host('s1').spawn(['sleep', '1000']), await lab.host('s2').spawn(['sleep', '1000'])]
    await lab.host('s2').freeze()
    console.log(JSON.stringify({ directory: lab.directory, pids: sleepers.map(({ pid }) => pid) }))
    setInterval(() => undefined, 1000)
  `
  const owner = spawn(process.execPath, ['--input-type=module', '--eval', script], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const lines = createInterface({ input: owner.stdout })[Symbol.asyncIterator]()
  const first = await within(10_000, 'the other lab', lines.next())
  return { owner, ...JSON.parse(String(first.value)) }
}
