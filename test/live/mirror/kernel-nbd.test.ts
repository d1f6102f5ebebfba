/** A mirror disk by the nbd of a kernel that has it, whatever this machine's kernel has: it is booted for that. */
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'vitest'
import { guestModule, runGuest } from '../lab/guest.ts'
import { liveTest } from '../lab/live-test.ts'

/** Takes 30 to 50 s; one that is busy was seen to take 100 s. */
const timeoutMs = 280_000

liveTest(
  'a mirror disk by the kernel’s nbd is attached, used, survives what dies and hangs, grows, and leaves nothing',
  { needs: ['root', 'user-mode-linux', 'mkfs.ext4'], timeoutMs: timeoutMs + 10_000 },
  async () => {
    const folder = await mkdtemp(join(tmpdir(), 'baton-guest-'))
    const report = join(folder, 'report')
    const program = join(import.meta.dirname, 'kernel-nbd-guest.ts')
    try {
      const command = [process.execPath, program, guestModule('nbd') ?? '', '/run/baton', report]
      const said = await runGuest({ folder, command, timeoutMs })
      const lines = (await readFile(report, 'utf8').catch(() => '')).trim().split('\n')
      expect(Object.fromEntries(lines.map((line) => JSON.parse(line || '[]'))), said).toEqual({
        'a kernel without nbd is named, and what to do about it': 'seen',
        'a device of another size is none of the mirror': 'seen',
        'a half attached device that a crash left is taken away, and that of somebody else is not': 'seen',
        'it is made, mounted, written on both sides, found by a new agent, and taken down': 'seen',
        'when its data plane dies, whoever waits gets an error, and it is activated anew': 'seen',
        'what hangs is taken down within the time that there is': 'seen',
        'it grows while it is mounted': 'seen',
        'a copy that is exposed for a backup can only be read': 'seen',
      })
    } finally {
      await rm(folder, { recursive: true })
    }
  },
)
