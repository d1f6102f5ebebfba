/** What is free on a mirror with `initial: used` is discarded, while its first copy is under way. */
import { describe, expect, test } from 'vitest'
import { firstCopies } from '../../../src/agents/mirror/first-copy.ts'
import { mirrorName } from '../../../src/events/index.ts'
import type { RunResult, World } from '../../../src/world/world.ts'
import { assigned, s1 } from '../decisions/demo.ts'
import { broken, constructed, g1, joinedAs, mirrored } from '../decisions/mirror-demo.ts'
import { type Given, stateOf } from '../spec.ts'
import { VirtualWorld } from '../virtual-world.ts'

const name = mirrorName('web', 'data')
const isMade = (initial: string): readonly Given[] => [...mirrored(), constructed(initial), assigned('web', 's1')]
const isBroken = broken('s1', 's2', g1, 6)

type Machine = {
  readonly given: readonly Given[]
  /** Of fstrim; null: it does not end by itself. */
  readonly fstrim?: Partial<RunResult> | null
  /** As the kernel tells of the data partition. */
  readonly zeroes?: string
}

/** The commands that were run, and what was told, on a machine where the mirror was just mounted. */
const mounted = async ({ given, fstrim = {}, zeroes = '4096' }: Machine) => {
  const { world } = new VirtualWorld()
  const ran: string[] = []
  const said: string[] = []
  const ended: RunResult = { code: 0, signal: null, stdout: '', stderr: '', timedOut: false, elapsedMs: 1 }
  const run: World['processes']['run'] = async (argv, { signal }) => {
    ran.push(argv.join(' '))
    if (argv[0] === 'lsblk') return { ...ended, stdout: '  8:3\n' }
    if (fstrim !== null) return { ...ended, ...fstrim }
    await new Promise((resolve) => signal?.addEventListener('abort', resolve))
    ran.push('killed')
    return { ...ended, code: null, signal: 'SIGKILL' }
  }
  const files = {
    ...world.files,
    read: async (path: string) => (path === '/sys/dev/block/8:3/../queue/write_zeroes_max_bytes' ? zeroes : null),
  }
  const copies = firstCopies(
    { ...world, files, processes: { ...world.processes, run } },
    {
      me: s1,
      state: () => stateOf(given),
      say: (what, fields) => void said.push(`${what}: ${JSON.stringify(fields)}`),
    },
  )
  copies.mounted(name)
  const settled = () => new Promise((resolve) => setImmediate(resolve))
  await settled()
  return { ran, said, copies, settled }
}

describe('what is free on a mirror', () => {
  test('is discarded once it is mounted and its first copy is not complete', async () => {
    const { ran, said } = await mounted({
      given: [...isMade('used'), isBroken],
      fstrim: { stdout: '/data: 1 GiB trimmed' },
    })
    expect(ran).toEqual(['lsblk --nodeps --noheadings --output MAJ:MIN /dev/d1', 'fstrim --verbose /data'])
    expect(said).toEqual([expect.stringMatching(/was discarded before its first copy.*1 GiB trimmed/)])
  })

  test.each([
    ['whose first copy is of everything', isMade('full')],
    ['whose copies are equal by declaration', isMade('none')],
    ['whose first copy is complete', [...isMade('used'), isBroken, joinedAs('s1', 's2', g1, 6)]],
    ['that broke later', [...isMade('used'), isBroken, joinedAs('s1', 's2', g1, 6), isBroken]],
  ] as const)('is left as it is on one %s', async (_, given) => {
    expect((await mounted({ given })).ran).toEqual([])
  })

  test('is discarded no longer once the mirror is about to be unmounted, and nothing is told', async () => {
    const { ran, said, copies, settled } = await mounted({ given: isMade('used'), fstrim: null })
    expect(ran.at(-1)).toBe('fstrim --verbose /data')
    copies.leaving(name)
    await settled()
    expect([ran.at(-1), said]).toEqual(['killed', []])
  })

  test.each([
    [
      'the tool is missing',
      { fstrim: { code: 127, stderr: 'not found' } },
      /fstrim \(package util-linux\) cannot be started/,
    ],
    [
      'the file system cannot',
      { fstrim: { code: 1, stderr: 'not supported' } },
      /fstrim \/data ended with code 1: not supported/,
    ],
    ['it takes too long', { fstrim: { code: null, timedOut: true } }, /did not end within 600 s/],
    ['the disk has no command for zeros', { zeroes: '0\n' }, /\/dev\/d1 has no command for zeros/],
  ] as const)('is copied with the rest when %s, and that is told', async (_, machine, because) => {
    const { said } = await mounted({ given: isMade('used'), ...machine })
    expect(said).toEqual([expect.stringMatching(/^what is free on a mirror is copied with the rest/)])
    expect(said[0]).toMatch(because)
  })
})
