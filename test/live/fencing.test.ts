/** Fence devices against real controllers and real fence agents: what is proven, and what is not. */
import { chmod, mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect } from 'vitest'
import type { PowerStatus } from '../../src/agents/fencing/driver.ts'
import type { FenceAttempt } from '../../src/decisions/fence-server.ts'
import type { FenceOrder } from './drivers/fence-runner.ts'
import { startHypervisor } from './lab/hypervisor.ts'
import { type IpmiSim, startIpmiSim } from './lab/ipmi-sim.ts'
import { createLab, type Lab } from './lab/lab.ts'
import { liveTest } from './lab/live-test.ts'
import { now } from './lab/until.ts'

const program = new URL('drivers/fence-runner.ts', import.meta.url).pathname

type Scene = {
  readonly lab: Lab
  readonly bmc: IpmiSim
  /** A device of the configuration, for the controller of s2. */
  readonly ipmi: (more?: object) => object
  readonly run: <T>(order: Partial<FenceOrder>) => Promise<T>
}

const needs = ['lab', 'ipmi'] as const

/** s1 fences s2, whose controller is on a host of its own; an order to it really ends s2. */
const withController = async (body: (scene: Scene) => Promise<void>, slowMs = 0): Promise<void> => {
  await using lab = await createLab({ hosts: ['s1', 's2', 'bmc'] })
  const s2 = lab.host('s2')
  const bmc = await startIpmiSim(lab.host('bmc'), {
    directory: join(lab.directory, 'bmc-of-s2'),
    address: lab.host('bmc').address.interconnect,
    ordered: async (order) => {
      if (slowMs > 0) await new Promise((resolve) => setTimeout(resolve, slowMs))
      if (order !== 'on' && s2.isOn) await s2.powerOff()
      if (order !== 'off' && !s2.isOn) await s2.powerOn()
    },
  })
  const passwordFile = join(lab.directory, 'password')
  await writeFile(passwordFile, bmc.password, { mode: 0o600 })
  const ipmi = (more: object = {}) => {
    const { address, port, user } = bmc
    return { type: 'ipmi', address, port, user, passwordFile, cipher: 3, timeout: 15_000, ...more }
  }
  try {
    await body({ lab, bmc, ipmi, run: runOn(lab) })
  } finally {
    // What was ordered late still needs the lab.
    await bmc.stop()
  }
}

/** What s1 is told to do to s2. */
const runOn =
  (lab: Lab) =>
  async <T>(order: Partial<FenceOrder>): Promise<T> => {
    const whole = { do: 'fence', server: 's2', directory: lab.directory, fencing: {}, ...order }
    return JSON.parse(
      await lab.host('s1').ok([process.execPath, program, JSON.stringify(whole)], { timeoutMs: 60_000 }),
    )
  }

/** One device, alone on its level. */
const only = (device: object, more: object = {}) => ({ devices: { one: device }, levels: { s2: [['one']] }, ...more })

describe('a management controller', () => {
  liveTest('switches its server off, and that is seen before it counts', { needs }, async (context) => {
    await withController(async ({ lab, bmc, ipmi, run }) => {
      expect(await run<PowerStatus>({ do: 'ask', fencing: only(ipmi()) })).toEqual({ power: 'on' })
      const answer = await run<FenceAttempt>({ fencing: only(ipmi()) })
      expect(answer).toMatchObject({ ok: true, level: 1, devices: ['one'] })
      expect(lab.host('s2').isOn).toBe(false)
      expect(bmc.orders).toEqual(['off'])
      if (answer.ok) await context.annotate(`fenced in ${answer.ms.toFixed(0)} ms`)
      // One that is off already is proven off as well.
      expect(await run<FenceAttempt>({ fencing: only(ipmi()) })).toMatchObject({ ok: true })
    })
  })

  liveTest('that cycles is seen off first, and on again afterwards', { needs }, async () => {
    await withController(async ({ lab, bmc, ipmi, run }) => {
      const fencing = only(ipmi({ action: 'cycle' }))
      expect(await run<FenceAttempt>({ fencing })).toMatchObject({ ok: true })
      expect(lab.host('s2').isOn).toBe(false)
      expect(await run({ do: 'restart', fencing })).toEqual([])
      expect(bmc.orders.slice(0, 1)).toEqual(['off'])
      await expect.poll(() => lab.host('s2').isOn, { timeout: 10_000 }).toBe(true)
    })
  })

  liveTest('resets, by its own word', { needs }, async () => {
    await withController(async ({ lab, bmc, ipmi, run }) => {
      await lab.host('s2').ok(['sh', '-c', 'echo before > /run/life'])
      expect(await run<FenceAttempt>({ fencing: only(ipmi({ action: 'reset' })) })).toMatchObject({ ok: true })
      await expect.poll(() => bmc.orders, { timeout: 10_000 }).toEqual(['reset'])
      await expect.poll(() => lab.host('s2').isOn, { timeout: 10_000 }).toBe(true)
      expect((await lab.host('s2').run(['cat', '/run/life'])).code).not.toBe(0)
    })
  })

  liveTest('that refuses an NMI for a dump is not waited for: it switches off all the same', { needs }, async () => {
    await withController(async ({ lab, bmc, ipmi, run }) => {
      // ipmi_sim knows no diagnostic interrupt (IPMI 2.0, table 28-4, control 4), as some real controllers do not.
      const fencing = only(ipmi({ action: 'diag', diagWait: 60_000, timeout: 15_000 }))
      expect(await run<FenceAttempt>({ fencing })).toMatchObject({ ok: true })
      expect(bmc.orders).toEqual(['off'])
      expect(lab.host('s2').isOn).toBe(false)
    })
  })

  /** On a busy machine the first question may take all of it. */
  const tooLate = /level 1: one: (it is still on when its time was over|ipmitool power \w+ did not answer in)/

  liveTest('that is slow is waited for; one that is too slow is a failure, never a proof', { needs }, async () => {
    await withController(async ({ ipmi, run }) => {
      const tooSoon = await run<FenceAttempt>({ fencing: only(ipmi({ timeout: 1500 })) })
      expect(tooSoon).toMatchObject({ ok: false })
      if (!tooSoon.ok) expect(tooSoon.because).toMatch(tooLate)
      expect(await run<FenceAttempt>({ fencing: only(ipmi()) })).toMatchObject({ ok: true })
    }, 4000)
  })

  liveTest('that refuses the password, or is dead, proves nothing, and says why', { needs }, async () => {
    await withController(async ({ lab, bmc, ipmi, run }) => {
      const wrong = join(lab.directory, 'wrong')
      await writeFile(wrong, 'wrong', { mode: 0o600 })
      const refused = await run<FenceAttempt>({ fencing: only(ipmi({ passwordFile: wrong })) })
      expect(refused).toMatchObject({ ok: false })
      if (!refused.ok) expect(refused.because).toMatch(/ipmitool power/)
      await bmc.stop()
      const silent = await run<FenceAttempt>({ fencing: only(ipmi({ timeout: 4000 })) })
      expect(silent).toMatchObject({ ok: false })
      expect(lab.host('s2').isOn).toBe(true)
      expect(bmc.orders).toEqual([])
    })
  })

  liveTest('is asked without its password on any command line', { needs }, async () => {
    await withController(async ({ lab, ipmi, run }) => {
      const seen = join(lab.directory, 'arguments')
      const wrapper = join(lab.directory, 'bin')
      await mkdir(wrapper)
      const real = (await lab.host('s1').ok(['sh', '-c', 'command -v ipmitool'])).trim()
      await writeFile(join(wrapper, 'ipmitool'), `#!/bin/sh\necho "$@" >> ${seen}\nexec ${real} "$@"\n`)
      await chmod(join(wrapper, 'ipmitool'), 0o755)
      const order = { do: 'fence', server: 's2', directory: lab.directory, fencing: only(ipmi()) }
      const env = { PATH: `${wrapper}:${process.env.PATH}` }
      await lab.host('s1').ok([process.execPath, program, JSON.stringify(order)], { env })
      const text = await readFile(seen, 'utf8')
      expect(text).toContain('chassis power off')
      expect(text).not.toContain('secret')
      expect(await run<PowerStatus>({ do: 'ask', fencing: only(ipmi()) })).toEqual({ power: 'off' })
    })
  })
})

describe('a hypervisor', () => {
  liveTest('stops the machine that a server is, and tells that it has', { needs: ['lab'] }, async () => {
    await using lab = await createLab({ hosts: ['s1', 's2', 'vmhost'] })
    const s2 = lab.host('s2')
    const directory = join(lab.directory, 'hypervisor')
    const hypervisor = await startHypervisor(lab.host('vmhost'), { directory, machines: { db2: s2 } })
    const { through, orders } = hypervisor
    const run = runOn(lab)
    const vm = (more: object = {}) =>
      only({ type: 'vm', hypervisor: 'virsh', through, hostMap: { s2: 'db2' }, timeout: 15_000, ...more })
    expect(await run<PowerStatus>({ do: 'ask', fencing: vm() })).toEqual({ power: 'on' })
    expect(await run<FenceAttempt>({ fencing: vm() })).toMatchObject({ ok: true, level: 1, devices: ['one'] })
    expect(s2.isOn).toBe(false)
    // The order is refused since there is nothing to stop; what is seen counts.
    expect(await run<FenceAttempt>({ fencing: vm() })).toMatchObject({ ok: true })
    expect(await run({ do: 'restart', fencing: { ...vm(), action: 'reboot' } })).toEqual([])
    await expect.poll(() => run({ do: 'ask', fencing: vm() }), { timeout: 20_000 }).toEqual({ power: 'on' })
    expect(s2.isOn).toBe(true)
    expect(orders).toEqual(['destroy db2', 'start db2'])
    const unknown = await run<FenceAttempt>({ fencing: vm({ hostMap: {} }) })
    expect(unknown.ok || unknown.because).toMatch(/one: virsh status ended with code 1: .*failed to get domain 's2'/)
    await hypervisor.cutOff()
    const silent = await run<FenceAttempt>({ fencing: vm() })
    expect(silent.ok || silent.because).toMatch(/virsh status ended with code 255: .*No route to host/)
    expect([s2.isOn, orders.length]).toEqual([true, 2])
    await hypervisor.stop()
  })
})

describe('levels', () => {
  liveTest('follow one another when one fails; all devices of one must succeed', { needs }, async () => {
    await withController(async ({ lab, ipmi, run }) => {
      const fencing = {
        devices: {
          dead: ipmi({ address: '10.77.1.250', timeout: 3000 }),
          bmc: ipmi(),
          breaks: { type: 'command', off: 'echo the breaker is stuck >&2; exit 3' },
          notes: { type: 'command', off: `echo $BATON_FENCE_SERVER > ${join(lab.directory, 'noted')}` },
        },
        levels: { s2: [['dead'], ['bmc', 'breaks'], ['bmc', 'notes']] },
      }
      const answer = await run<FenceAttempt>({ fencing })
      expect(answer).toMatchObject({ ok: true, level: 3, devices: ['bmc', 'notes'] })
      expect(await readFile(join(lab.directory, 'noted'), 'utf8')).toBe('s2\n')
      const without = { ...fencing, levels: { s2: [['dead'], ['bmc', 'breaks']] } }
      const failed = await run<FenceAttempt>({ fencing: without })
      expect(failed).toMatchObject({ ok: false })
      if (!failed.ok) expect(failed.because).toMatch(/level 1: dead: .*; level 2: breaks: .*the breaker is stuck/)
    })
  })

  liveTest('end with the time of the attempt', { needs: ['lab'] }, async () => {
    await using lab = await createLab({ hosts: ['s1'] })
    const fencing = {
      timeout: 1000,
      devices: {
        hangs: { type: 'command', off: 'sleep 1000', timeout: 600 },
        next: { type: 'command', off: 'sleep 1000' },
      },
      levels: { s2: [['hangs'], ['next']] },
    }
    const order = { do: 'fence', server: 's2', directory: lab.directory, fencing }
    const began = now()
    const answer: FenceAttempt = JSON.parse(await lab.host('s1').ok([process.execPath, program, JSON.stringify(order)]))
    expect(now() - began).toBeLessThan(8000)
    expect(answer).toMatchObject({ ok: false })
    if (!answer.ok) expect(answer.because).toMatch(/hangs: its command for off did not answer.*next: its command/)
  })
})

describe('agents of the fence-agents collection', () => {
  liveTest('fence_ipmilan ends a server by its controller', { needs: [...needs, 'fence-agents'] }, async (context) => {
    await withController(async ({ lab, bmc, run }) => {
      const ipmitool = (await lab.host('s1').ok(['sh', '-c', 'command -v ipmitool'])).trim()
      const device = {
        type: 'agent',
        agent: 'fence_ipmilan',
        options: {
          ip: bmc.address,
          ipport: String(bmc.port),
          username: bmc.user,
          lanplus: '1',
          cipher: '3',
          ipmitool_path: ipmitool,
        },
        secrets: { password: join(lab.directory, 'password') },
        argument: 'none',
        timeout: 30_000,
      }
      expect(await run<PowerStatus>({ do: 'ask', fencing: only(device) })).toEqual({ power: 'on' })
      const answer = await run<FenceAttempt>({ fencing: only(device) })
      expect(answer).toMatchObject({ ok: true })
      if (answer.ok) await context.annotate(`fence_ipmilan took ${answer.ms.toFixed(0)} ms`)
      expect(lab.host('s2').isOn).toBe(false)
      expect(await run<PowerStatus>({ do: 'ask', fencing: only(device) })).toEqual({ power: 'off' })
      const wrong = { ...device, options: { ...device.options, username: 'nobody' } }
      expect(await run<FenceAttempt>({ fencing: only(wrong) })).toMatchObject({ ok: false })
    })
  })

  liveTest(
    'fence_dummy: plugs by Pacemaker’s own map, status by its codes',
    { needs: ['lab', 'fence-agents'] },
    async () => {
      await using lab = await createLab({ hosts: ['s1'] })
      const statusFile = join(lab.directory, 'dummy')
      await writeFile(statusFile, 'on')
      const device = {
        type: 'agent',
        agent: 'fence_dummy',
        options: { type: 'file', status_file: statusFile, pcmk_host_map: 's1:a;s2:b,c' },
      }
      const run = async (order: object) => {
        const whole = { server: 's2', directory: lab.directory, fencing: only(device), ...order }
        return JSON.parse(await lab.host('s1').ok([process.execPath, program, JSON.stringify(whole)]))
      }
      expect(await run({ do: 'ask' })).toEqual({ power: 'on' })
      expect(await run({ do: 'fence' })).toMatchObject({ ok: true })
      expect(await run({ do: 'ask' })).toEqual({ power: 'off' })
    },
  )
})
