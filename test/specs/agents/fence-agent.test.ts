/** A fence agent that fails, and hangs: a program of its own, as Debian's are. */
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { limitOf } from '../../../src/agents/fencing/driver.ts'
import { fenceAgentDriver } from '../../../src/agents/fencing/fence-agent.ts'
import { storedConfiguration } from '../../../src/events/index.ts'
import { realWorld } from '../../../src/world/real.ts'
import { VirtualWorld } from '../virtual-world.ts'

let directory = ''
let told = ''
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'baton-fence-'))
  told = join(directory, 'told')
})
afterEach(() => rmSync(directory, { recursive: true }))

/** Fails at the first order, hangs at the second, does the third; keeps what it is told. */
const agentThatNeedsThree = (): string => {
  const path = join(directory, 'fence_third')
  const lines = [
    '#!/bin/sh',
    `sed 's/^/  /' >> ${told}; echo end >> ${told}`,
    `case $(grep -c end ${told}) in`,
    '  1) echo "login refused" >&2; exit 1 ;;',
    '  2) exec sleep 600 ;;',
    'esac',
  ]
  writeFileSync(path, `${lines.join('\n')}\n`)
  chmodSync(path, 0o755)
  return path
}

const targetOf = (agent: string, options: Readonly<Record<string, string>>) => {
  const { devices } = storedConfiguration.parse({
    cluster: 'test',
    servers: [{ name: 's1', addresses: { lan: '10.0.0.1' } }],
    fencing: { devices: { one: { type: 'agent', agent, options } } },
  }).fencing
  const device = devices.one
  if (device?.type !== 'agent') throw new Error('another device')
  return { server: 's2', name: 'one', device, directory }
}

const world = realWorld()
const driver = fenceAgentDriver(world)
const minutes = () => limitOf(world, 120_000, new AbortController().signal)
const orders = () => readFileSync(told, 'utf8').split('end\n').filter(Boolean)

describe('a fence agent that fails once, and then hangs', () => {
  const options = { ip: '10.0.9.9', pcmk_off_timeout: '1s', pcmk_off_retries: '1' }

  test('is asked again, and no longer than its time: what it did not answer is no proof', async () => {
    const answer = await driver.off(targetOf(agentThatNeedsThree(), options), minutes())
    expect(answer).toMatchObject({ ok: false, because: expect.stringMatching(/fence_third off s2 did not answer in/) })
    expect(orders()).toHaveLength(2)
  })

  test('proves the server off once it has done it, with the same order every time', async () => {
    const target = targetOf(agentThatNeedsThree(), { ...options, pcmk_off_retries: '2', pcmk_off_action: 'cut' })
    expect(await driver.off(target, minutes())).toEqual({ ok: true })
    expect(orders()).toEqual(Array.from({ length: 3 }, () => '  ip=10.0.9.9\n  plug=s2\n  action=cut\n'))
  })

  test('says why when it was asked once', async () => {
    const answer = await driver.off(targetOf(agentThatNeedsThree(), { pcmk_off_retries: '0' }), minutes())
    expect(answer).toMatchObject({ ok: false, because: expect.stringMatching(/ended with code 1: login refused/) })
  })

  test('does not know the power before it has answered, however often it is to be asked', async () => {
    const agent = agentThatNeedsThree()
    const asked = (retries: string) =>
      driver.status(targetOf(agent, { pcmk_status_timeout: '1s', pcmk_status_retries: retries }), minutes())
    expect(await asked('1')).toMatchObject({ power: 'unknown' })
    expect(await asked('0')).toEqual({ power: 'on' })
  })
})

test('before a server is switched off there is a delay: its own, and by chance up to the longest', async () => {
  const virtual = new VirtualWorld()
  const { world: still } = virtual
  const began = virtual.now
  const orderedAfter: number[] = []
  const run = async () => {
    orderedAfter.push(virtual.now - began)
    return { code: 0, signal: null, timedOut: false, stdout: '', stderr: '', elapsedMs: 1 }
  }
  const patient = fenceAgentDriver({ ...still, processes: { ...still.processes, run } })
  const target = targetOf('fence_any', { pcmk_delay_base: 's1:0;s2:2s', pcmk_delay_max: '4' })
  const answer = patient.off(target, limitOf(still, 60_000, new AbortController().signal))
  await virtual.pass(10_000)
  expect(await answer).toEqual({ ok: true })
  // The chance of this world is 0.5.
  expect(orderedAfter).toEqual([3000])
})
