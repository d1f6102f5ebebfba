/** The product's own hand on a real watchdog driver, softdog, in a kernel that may be reset: it is booted for that. */
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'vitest'
import { guestModule, runGuest } from '../lab/guest.ts'
import { liveTest } from '../lab/live-test.ts'

const timeoutMs = 120_000

liveTest(
  'a kernel whose watchdog is fed lives, or disarmed; not fed, or with nowayout, it is ended',
  { needs: ['root', 'user-mode-linux'], timeoutMs: timeoutMs + 10_000 },
  async () => {
    const folder = await mkdtemp(join(tmpdir(), 'baton-guest-'))
    const report = join(folder, 'report')
    const program = join(import.meta.dirname, 'watchdog-guest.ts')
    try {
      const command = [process.execPath, program, guestModule('softdog') ?? '', report]
      const said = await runGuest({ folder, command, timeoutMs })
      const lines = (await readFile(report, 'utf8').catch(() => '')).trim().split('\n')
      expect(
        lines.map((line) => JSON.parse(line || '[]')),
        said,
      ).toEqual([
        // This softdog knows no pretimeout.
        ['opened', { identity: 'Software Watchdog', timeoutMs: 2000, pretimeoutMs: null }],
        ['fed, it lives', true],
        ['opened by somebody else meanwhile', { refused: expect.stringContaining('somebody else feeds it') }],
        ['disarmed', true],
        ['disarmed, it lives', true],
        ['not fed', true],
        ['it lives again', true],
        ['disarmed though nothing stops it', false],
      ])
      expect(said).toMatch(/Software Watchdog Timer expired/)
    } finally {
      await rm(folder, { recursive: true })
    }
  },
)
