import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { realFiles } from '../../../src/world/files.ts'

const directory = mkdtempSync(join(tmpdir(), 'baton-files-'))
afterAll(() => rmSync(directory, { recursive: true }))

const module = new URL('../../../src/world/files.ts', import.meta.url).href
const holding = (path: string): string => `
import { realFiles } from ${JSON.stringify(module)}
console.log(await realFiles.lock(${JSON.stringify(path)}))
setInterval(() => {}, 60_000)`

test('a file is locked by one process at a time, until that one ends, even by force', async () => {
  const path = join(directory, 'lock')
  const holder = spawn(process.execPath, ['--input-type=module', '-e', holding(path)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  expect(String(await once(holder.stdout, 'data'))).toBe('null\n')
  expect(await realFiles.lock(path)).toBe(holder.pid)
  holder.kill('SIGKILL')
  await once(holder, 'exit')
  expect(await realFiles.lock(path)).toBeNull()
  expect(readFileSync(path, 'utf8')).toBe(`${process.pid}\n`)
})
