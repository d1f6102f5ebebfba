import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { realWatchdogs } from '../../../src/world/watchdog.ts'

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
