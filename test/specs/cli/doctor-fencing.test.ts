/** What the doctor says of fencing on this machine. */
import { expect, test } from 'vitest'
import { type FencingLook, fencingChecks } from '../../../src/cli/doctor/fencing-checks.ts'
import { configurationOf, web } from '../configuration/samples.ts'

const text = `${web}fencing:
  policy: required
  devices:
    bmc: { type: ipmi, address: 10.0.9.1, user: admin, passwordFile: /etc/baton/bmc }
    strip: { type: agent, agent: fence_apc, options: { ip: 10.0.9.9 }, secrets: { password: /etc/baton/strip } }
  levels: { alpha: [[bmc], [strip]], beta: [[bmc], [strip]] }
`
const look = (more: Partial<FencingLook> = {}): FencingLook => ({
  hasProgram: async () => true,
  secret: async () => ({ isOpen: false }),
  ...more,
})
const said = async (more: Partial<FencingLook> = {}) =>
  (await fencingChecks(configurationOf(text), look(more))).map(({ level, what, seen }) => `${level} ${what}: ${seen}`)

test('programs and password files that are there are one line', async () => {
  expect(await said()).toEqual([
    'ok fencing: programs and password files of bmc, strip are there; baton fence test asks them',
  ])
})

test('a program that is missing here would be missed when this server has to fence', async () => {
  expect(await said({ hasProgram: async (name) => name !== 'fence_apc' })).toEqual([
    'problem fencing strip: fence_apc is not on PATH: this server could not fence',
  ])
})

test('a password file must be there, and for its owner alone', async () => {
  const secret = async (path: string) => (path.endsWith('bmc') ? null : { isOpen: true })
  expect(await said({ secret })).toEqual([
    'problem fencing bmc: /etc/baton/bmc cannot be read: this server could not fence',
    'warning fencing strip: others may read /etc/baton/strip',
  ])
})

test('without fencing there is nothing to say', async () => {
  expect(await fencingChecks(configurationOf(web))).toEqual([])
})
