import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { runCli } from './command-line.ts'
import type { HandBuiltLog } from './hand-built-log.ts'
import { crash, fencedCrash, ladder, plannedMove, settled, startRefused, suppressedFailover } from './scenarios.ts'

let directory = ''
beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'baton-why-'))
})
afterAll(() => rmSync(directory, { recursive: true }))

const whyOf = async (log: HandBuiltLog, group: string, ...more: readonly string[]): Promise<string> => {
  const path = join(directory, 'x.log')
  log.write(path)
  const { code, out, err } = await runCli(['why', group, '--file', path, '--utc', ...more])
  expect({ code, err }).toEqual({ code: 0, err: '' })
  return out
}

test('a server crashes, two voters support its removal, the other takes over', async () => {
  await expect(await whyOf(crash(), 'web')).toMatchFileSnapshot('why-crash.txt')
})

test('a server that crashed is fenced at the second attempt, then the other takes over', async () => {
  await expect(await whyOf(fencedCrash({ isFenced: true }), 'web')).toMatchFileSnapshot('why-fenced.txt')
})

test('a server that crashed is not proven off yet', async () => {
  await expect(await whyOf(fencedCrash({ isFenced: false }), 'web')).toMatchFileSnapshot('why-uncertain.txt')
})

test('an operator moves a group', async () => {
  await expect(await whyOf(plannedMove(), 'web')).toMatchFileSnapshot('why-planned-move.txt')
})

test('a monitor restarts, restarts again, and fails over', async () => {
  await expect(await whyOf(ladder(), 'web')).toMatchFileSnapshot('why-ladder.txt')
})

test('a group that failed is not failed over, because no other server is healthy', async () => {
  await expect(await whyOf(suppressedFailover(), 'web')).toMatchFileSnapshot('why-suppressed-failover.txt')
})

test('a start is refused', async () => {
  await expect(await whyOf(startRefused(), 'db')).toMatchFileSnapshot('why-start-refused.txt')
})

test('as of an earlier moment, and while it is under way', async () => {
  await expect(await whyOf(crash(), 'web', '--at', '12')).toMatchFileSnapshot('why-under-way.txt')
  expect(await whyOf(crash(), 'web', '--at', '9')).toBe(await whyOf(settled().log, 'web'))
})
