import { hash as digestOf } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { readLogFile } from '../../../src/cli/log-file.ts'
import {
  type DamagedExport,
  exportReader,
  formatHeader,
  formatRecorded,
  parseExported,
  parseHeader,
} from '../../../src/events/exported-log.ts'
import { type Hash, type Recorded, sequence } from '../../../src/events/index.ts'
import { writeBenchLog } from '../../bench/replay.ts'

const digest = (bytes: string) => digestOf('sha256', bytes, 'base64url') as Hash

let directory = ''
let path = ''
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'baton-export-'))
  path = join(directory, 'x.log')
})
afterEach(() => rmSync(directory, { recursive: true }))

const collect = async (after = 0): Promise<Recorded[]> => {
  const all: Recorded[] = []
  for await (const batch of readLogFile(path, after)) all.push(...batch)
  return all
}
const linesOf = async (commits: number): Promise<string[]> => {
  writeBenchLog(path, commits)
  return [formatHeader('bench'), ...(await collect()).map(formatRecorded)]
}
/** The error that reading `lines` ends with, both from the file and line by line. */
const damageOf = async (lines: readonly string[], end = '\n'): Promise<DamagedExport> => {
  writeFileSync(path, lines.join('\n') + end)
  return await collect().then(
    () => expect.fail('nothing was found wrong'),
    (error: DamagedExport) => error,
  )
}

describe('an exported log', () => {
  test('is read back as it was written', async () => {
    const lines = await linesOf(100)
    const [header = '', ...others] = lines
    expect(parseHeader(header)).toBe('bench')
    const reader = exportReader({ after: 0, digest })
    const records = others.map((line) => reader.next(line))
    expect(records.map((one) => one && formatRecorded(one))).toEqual(others)
    expect(records[4]).toEqual(parseExported(others[4] ?? '', 6))
    expect(reader.position()?.sequence).toBe(100)
  })

  test('is read from the middle, checked from its first line', async () => {
    await linesOf(100)
    expect((await collect(97)).map((one) => one.position.sequence)).toEqual([98, 99, 100])
  })

  test('may begin late', async () => {
    const [header = '', ...others] = await linesOf(100)
    writeFileSync(path, `${[header, ...others.slice(40)].join('\n')}\n`)
    expect((await collect())[0]?.position.sequence).toBe(41)
  })

  test('is read by two threads as by one', async () => {
    writeBenchLog(path, 12_000)
    let last = 0
    for await (const batch of readLogFile(path, 0))
      for (const one of batch) {
        expect(one.position.sequence).toBe(last + 1)
        last = one.position.sequence
      }
    expect(last).toBe(12_000)
  })
})

describe('what is wrong with it is named with its line and sequence', () => {
  test('another file', async () => {
    expect((await damageOf(['hello'])).message).toMatch(/^line 1: not an exported log/)
    expect((await damageOf(['baton-log 2 x', '1'])).message).toMatch(/^line 1: a newer form/)
    expect((await damageOf(['baton-log 1 x'], '')).message).toMatch(/^line 1: cut off/)
  })

  test('a missing commit', async () => {
    const lines = await linesOf(20)
    expect((await damageOf(lines.toSpliced(7, 1))).message).toBe('line 8: a hole: sequence 8 follows 6, 7 is missing')
    expect((await damageOf(lines.toSpliced(7, 3))).message).toMatch(/sequence 10 follows 6, 7 to 9 are missing$/)
  })

  test('commits in another order', async () => {
    const lines = await linesOf(20)
    expect((await damageOf(lines.toSpliced(8, 0, lines[7] ?? ''))).message).toBe(
      'line 9: sequence 7 follows 7, where 8 belongs',
    )
  })

  test('a commit that was changed', async () => {
    const lines = await linesOf(20)
    const changed = lines.with(9, (lines[9] ?? '').replace('"server:s1"', '"server:s2"'))
    expect((await damageOf(changed)).message).toBe(
      'line 10: sequence 9 was changed since: its bytes do not match its hash',
    )
    const reader = exportReader({ after: 0, digest })
    expect(() => changed.slice(1).map((line) => reader.next(line))).toThrow(/^line 10: sequence 9 was changed since/)
  })

  test('a commit that was changed and its hash with it', async () => {
    const lines = await linesOf(20)
    const bytes = (lines[9] ?? '').split(' ').slice(2).join(' ').replace('"server:s1"', '"server:s2"')
    expect((await damageOf(lines.with(9, `9 ${digest(bytes)} ${bytes}`))).message).toBe(
      'line 11: broken chain: sequence 10 does not follow the 9 that stands before it',
    )
  })

  test('something that is no commit', async () => {
    const lines = await linesOf(20)
    expect((await damageOf(lines.with(3, 'what is this'))).message).toMatch(/^line 4: not "<sequence>/)
    const bytes = '{"id":"x"}'
    expect((await damageOf(lines.with(3, `3 ${digest(bytes)} ${bytes}`))).message).toMatch(
      /^line 4: sequence 3 is unreadable: not a commit/,
    )
  })

  test('an end in the middle of a commit', async () => {
    const lines = await linesOf(20)
    expect((await damageOf(lines, '')).message).toBe('line 21: cut off in the middle of a commit')
    const [header = '', only = ''] = lines
    expect((await damageOf([header, only.slice(0, 50)], '')).message).toBe('line 2: cut off in the middle of a commit')
  })

  test('a change far into a large file', async () => {
    const lines = await linesOf(12_000)
    const changed = lines.with(11_000, (lines[11_000] ?? '').replace('server:', 'srrver:'))
    expect((await damageOf(changed)).message).toMatch(/^line 11001: sequence 11000 was changed since/)
  })

  test('a sequence that is too large to be one', () => {
    expect(() => parseExported(`${sequence(1)}e99 h {}`, 2)).toThrow(/^line 2: not/)
  })
})
