import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { realWorld } from '../../../src/world/real.ts'
import { until } from '../../live/lab/until.ts'

const world = realWorld()
const { clock, files, random } = world

describe('clocks', () => {
  test('never fire early, and not at all when cancelled', async () => {
    for (let delayMs = 0; delayMs < 12; delayMs++) {
      const started = clock.now()
      await new Promise<void>((resolve) => {
        const stop = clock.after(delayMs, () => {
          throw new Error('it was cancelled')
        })
        // Keeps the event loop alive, which `after` does not.
        const alive = setInterval(() => undefined, 1000)
        clock.after(delayMs, () => {
          clearInterval(alive)
          resolve()
        })
        stop()
      })
      expect(clock.now() - started).toBeGreaterThanOrEqual(delayMs)
    }
  })

  test('do not fire at once for a wait of months', () => {
    let fired = false
    clock.after(1e10, () => {
      fired = true
    })()
    expect(fired).toBe(false)
  })

  test('agree on how fast time passes, and only grow', () => {
    const [now, boot, wall] = [clock.now(), clock.sinceBoot(), clock.wall()]
    expect(clock.now()).toBeGreaterThan(now)
    expect(clock.sinceBoot()).toBeGreaterThan(boot)
    expect(boot).toBeGreaterThanOrEqual(now - 1)
    expect(wall).toBeGreaterThan(1.7e12)
  })
})

test('ids are unique and fit into a subject', () => {
  const ids = new Set(Array.from({ length: 1000 }, () => random.id()))
  expect(ids.size).toBe(1000)
  for (const id of ids) expect(id).toMatch(/^[A-Za-z0-9_-]{22}$/)
})

test('a boot is the same boot as long as the machine is up', () => {
  expect(world.bootId()).toBe(realWorld().bootId())
  expect(world.bootId()).toMatch(/^[A-Za-z0-9_-]{22}$/)
})

test('digests and authentication are the well-known ones', () => {
  expect(world.digest('abc')).toBe('ungWv48Bz-pBQUDeXa4iI7ADYaOWF3qctBD_YfIAFa0')
  // RFC 4231, test case 2.
  const code = world.authenticate(Buffer.from('Jefe'), Buffer.from('what do ya want for nothing?'))
  expect(Buffer.from(code).toString('hex')).toBe('5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843')
})

describe('files', () => {
  let directory = ''
  let path = ''
  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'baton-files-'))
    path = join(directory, 'file')
  })
  afterEach(() => rmSync(directory, { recursive: true }))

  test('are replaced as a whole and leave nothing beside them', async () => {
    expect(await files.read(path)).toBeNull()
    await files.writeDurably(path, 'one')
    await files.writeDurably(path, 'two')
    await files.write(path, 'three')
    expect(await files.read(path)).toBe('three')
    expect(readdirSync(directory)).toEqual(['file'])
    await expect(files.writeDurably(join(directory, 'no', 'such'), 'x')).rejects.toThrow('ENOENT')
  })

  test('have the mode they were given', async () => {
    await files.write(path, 'secret', { mode: 0o700 })
    expect(statSync(path).mode & 0o777).toBe(0o700)
  })

  test('are emptied by rotation while somebody goes on writing', async () => {
    await files.append(path, 'first\n')
    await files.rotate(path)
    await files.append(path, 'second\n')
    await files.rotate(path)
    await files.append(path, 'third\n')
    expect(['', '.1', '.2'].map((end) => readFileSync(`${path}${end}`, 'utf8'))).toEqual([
      'third\n',
      'second\n',
      'first\n',
    ])
    expect(await files.size(path)).toBe(6)
    await files.rotate(join(directory, 'none'))
  })

  test('that are not there are no trouble', async () => {
    await files.remove(path)
    expect(await files.list(path)).toEqual([])
    expect(await files.size(path)).toBe(0)
    await files.makeDirectory(join(path, 'a', 'b'))
    expect(existsSync(join(path, 'a', 'b'))).toBe(true)
    writeFileSync(join(path, 'x'), 'x')
    await files.rename(join(path, 'x'), join(path, 'y'))
    expect((await files.list(path)).toSorted()).toEqual(['a', 'y'])
  })
})

describe('datagrams', () => {
  for (const address of ['127.0.0.1', '::1']) {
    test(`arrive over ${address}, and silence is no trouble`, async () => {
      const heard: string[] = []
      const receiver = await world.datagrams
        .bind({ address, port: 0 }, () => undefined)
        .then(async (probe) => {
          probe.close()
          return world.datagrams.bind({ address, port: 45_871 }, (bytes, from) =>
            heard.push(`${Buffer.from(bytes)} ${from.address}`),
          )
        })
      const sender = await world.datagrams.bind({ address, port: 0 }, () => undefined)
      sender.send(Buffer.from('nobody'), { address, port: 9 })
      sender.send(Buffer.from('hello'), { address, port: 45_871 })
      await until(() => heard.length === 1, 5000, 'a datagram')
      expect(heard).toEqual([`hello ${address}`])
      await expect(world.datagrams.bind({ address, port: 45_871 }, () => undefined)).rejects.toThrow('EADDRINUSE')
      receiver.close()
      sender.close()
      sender.close()
      sender.send(Buffer.from('closed'), { address, port: 45_871 })
    })
  }
})
