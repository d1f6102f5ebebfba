import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { crash } from '../../golden/scenarios.ts'

/** As it is installed: bundled. */
const main = join(import.meta.dirname, '../../../dist/cli/main.js')

let directory = ''
let file = ''
beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'baton-process-'))
  file = join(directory, 'incident.log')
  crash().write(file)
})
afterAll(() => rmSync(directory, { recursive: true }))

const baton = (line: string, environment: Readonly<Record<string, string>> = {}) =>
  spawnSync(process.execPath, [main, ...line.split(' ')], {
    encoding: 'utf8',
    // cast: of the whole environment, only what a shell would have
    env: { PATH: '/usr/bin:/bin', TZ: 'UTC', ...environment } as NodeJS.ProcessEnv,
  })

test('a real process ends with the code that is promised', () => {
  expect(baton('--version')).toMatchObject({ status: 0, stderr: '' })
  expect(baton('nonsense')).toMatchObject({ status: 2, stdout: '' })
  expect(baton('status', { BATON_STATE: directory })).toMatchObject({ status: 4, stdout: '' })
  const why = baton(`why web --file ${file}`)
  expect(why).toMatchObject({ status: 0, stderr: '' })
  expect(why.stdout).toContain('2026-01-02 04:04:06.847')
  expect(why.stdout).not.toContain('\u001b[')
})

test('how much is not well the doctor says once', () => {
  const { stdout, stderr } = baton('doctor', { BATON_STATE: directory })
  expect(stdout).toMatch(/\d problems?, \d warnings?\n$/)
  expect(stderr).toBe('')
})

test('local time follows the machine', () => {
  expect(baton(`why web --file ${file}`, { TZ: 'Asia/Tokyo' }).stdout).toContain('2026-01-02 13:04:06.847')
})

test('a reader that has seen enough is no trouble', () => {
  const shell = `'${process.execPath}' '${main}' log show --file '${file}' | head -1`
  expect(spawnSync('sh', ['-c', shell], { encoding: 'utf8' })).toMatchObject({ status: 0, stderr: '' })
})

test.each([
  ['mirror-disk --config c --format --bytes 1G', '--bytes 1G is not a number of bytes'],
  ['mirror-disk --config c --bytes 4096', '--bytes is for --format alone'],
  ['mirror-disk --config /nonexistent', '/nonexistent cannot be read: ENOENT'],
  ['witness-web --cluster x --key k --http nonsense', '--http nonsense is not address:port'],
  ['witness-web --cluster x --key k --http 127.0.0.1:70000', '--http 127.0.0.1:70000 is not address:port'],
  [
    'witness-web --cluster x --key k --http 127.0.0.1:29020 --tls-key k',
    '--tls-certificate and --tls-key belong together',
  ],
])('%s is wrong usage, and says why', (line, because) => {
  const { status, stderr } = baton(line)
  expect(stderr).toContain(because)
  expect(status).toBe(2)
})
