import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { errno, SystemCallFailed } from '../../../src/world/libc.ts'
import { openedWatchdog, realWatchdogs, type WatchdogFile } from '../../../src/world/watchdog.ts'

const directory = mkdtempSync(join(tmpdir(), 'baton-watchdog-'))
afterAll(() => rmSync(directory, { recursive: true }))
const settings = { timeoutMs: 2000, pretimeoutMs: null }
const plain = join(directory, 'plain')
writeFileSync(plain, '')
const link = join(directory, 'link')
symlinkSync('/dev/null', link)

describe('what only looks like a watchdog is refused and not written to', () => {
  test.each([
    ['a path where nothing is', join(directory, 'nothing'), /cannot be found \(ENOENT\)/],
    ['a plain file', plain, /is no character device/],
    ['a directory', directory, /is no character device/],
    ['another character device', '/dev/null', /is device 1:3, which the kernel does not know/],
    ['a link to one', link, /is device 1:3/],
    ['a terminal', '/dev/ptmx', /is device 5:2/],
  ])('%s', (_, path, because) => {
    expect(realWatchdogs.whyNot(path)).toMatch(because)
    const opened = realWatchdogs.open(path, settings)
    expect('refused' in opened && opened.refused).toMatch(because)
  })
})

/** A driver as linux/watchdog.h describes them; the live test has a real one, which knows no pretimeout. */
class Driver {
  readonly written: string[] = []
  /** Seconds. */
  timeout = 60
  pretimeout = 0
  isOpen = true
  isRunning = true
  /** What it refuses, with the error that it gives. */
  refuses: Readonly<Record<number, number>> = {}
  readonly #options: number

  constructor(...options: readonly number[]) {
    this.#options = options.reduce((all, one) => all | one, 0)
  }

  readonly file: WatchdogFile = {
    control: (request, argument) => {
      const refusal = this.refuses[request]
      if (refusal !== undefined) throw new SystemCallFailed('ioctl', refusal)
      const bytes = Buffer.from(argument.buffer, argument.byteOffset, argument.length)
      switch (request) {
        case 0x80285700:
          bytes.writeUInt32LE(this.#options, 0)
          bytes.write('a driver\0', 8)
          return
        case 0xc0045706:
          // It only knows even numbers.
          this.timeout = Math.ceil(bytes.readInt32LE() / 2) * 2
          bytes.writeInt32LE(this.timeout)
          return
        case 0x80045707:
          bytes.writeInt32LE(this.timeout)
          return
        case 0xc0045708:
          this.pretimeout = bytes.readInt32LE()
          return
        case 0x80045704:
          this.isRunning = bytes.readInt32LE() !== 1
          return
        default:
          throw new Error(`request ${request.toString(16)}`)
      }
    },
    write: (text) => void this.written.push(text),
    close: () => {
      this.isOpen = false
    },
  }
}
const [setTimeoutOption, magicClose, pretimeoutOption] = [0x80, 0x100, 0x200]

describe('a driver is given its times in whole seconds', () => {
  test('and what it makes of them is known', () => {
    const driver = new Driver(setTimeoutOption)
    const opened = openedWatchdog(driver.file, { timeoutMs: 2100, pretimeoutMs: null })
    expect(opened).toMatchObject({ identity: 'a driver', timeoutMs: 4000, pretimeoutMs: null })
  })
  test('and a pretimeout, where it knows one and one is asked for', () => {
    const driver = new Driver(setTimeoutOption, pretimeoutOption)
    expect(openedWatchdog(driver.file, { timeoutMs: 4000, pretimeoutMs: 1000 })).toMatchObject({ pretimeoutMs: 1000 })
    expect(driver).toMatchObject({ timeout: 4, pretimeout: 1 })
    const other = new Driver(setTimeoutOption, pretimeoutOption)
    expect(openedWatchdog(other.file, settings)).toMatchObject({ pretimeoutMs: null })
    const without = new Driver(setTimeoutOption)
    expect(openedWatchdog(without.file, { timeoutMs: 4000, pretimeoutMs: 1000 })).toMatchObject({ pretimeoutMs: null })
    expect([other.pretimeout, without.pretimeout]).toEqual([0, 0])
  })
  test('but for one that has a time-out of its own', () => {
    const driver = new Driver(magicClose)
    expect(openedWatchdog(driver.file, settings)).toMatchObject({ timeoutMs: 60_000 })
  })
  test('and one that refuses what it says it knows is none', () => {
    const driver = new Driver(setTimeoutOption, pretimeoutOption)
    driver.refuses = { 3221509896: errno.EINVAL }
    expect(() => openedWatchdog(driver.file, { timeoutMs: 2000, pretimeoutMs: 2000 })).toThrow('EINVAL')
  })
})

describe('a watchdog that is disarmed', () => {
  test('is told to stop, and closed as one that is not needed any more', () => {
    const driver = new Driver(magicClose)
    const opened = openedWatchdog(driver.file, settings)
    opened.feed()
    expect(opened.disarm()).toBe(true)
    expect(driver).toMatchObject({ written: ['.', 'V'], isOpen: false, isRunning: false })
  })
  test.each([
    ['goes on where nothing stops it (nowayout)', errno.EBUSY, [magicClose], false],
    ['goes on where stopping failed', 5, [magicClose], false],
    ['stops by its closing where the driver knows no other way', errno.ENOTTY, [magicClose], true],
    ['may go on where the driver knows no way at all', errno.EINVAL, [], false],
  ])('%s', (_, refusal, options, isStopped) => {
    const driver = new Driver(...options)
    const opened = openedWatchdog(driver.file, settings)
    driver.refuses = { 2147768068: refusal }
    expect(opened.disarm()).toBe(isStopped)
    expect(driver).toMatchObject({ written: ['V'], isOpen: false })
  })
})
