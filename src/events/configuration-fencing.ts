/** The part of the configuration's schema that says how a server is proven off (F2), and how it ends itself (F1). */
import { z } from 'zod'
import type { Form } from './configuration-form.ts'

const agentPattern = /^(fence_[a-z0-9_]+|\/[^\0]+)$/

const commonOf = ({ after }: Form, sharesPower: boolean) => ({
  timeout: after('20s', { least: '100ms', most: '10m' }).describe(
    'How long one order to it may take, the verification included. A time-out is a failure.',
  ),
  sharesPower: z
    .boolean()
    .default(sharesPower)
    .describe('It loses its power together with the server, and can then confirm nothing.'),
})

const ipmiOf = (form: Form) => {
  const { object, text, integer, absolutePath } = form
  return object({
    type: z.literal('ipmi').describe('The management controller of the server, by ipmitool.'),
    ...commonOf(form, true),
    address: text.describe('Its address or host name.'),
    port: integer(1, 65_535).default(623).describe('Its UDP port.'),
    user: text.describe('The account on it; it needs the privilege to switch the power.'),
    passwordFile: absolutePath.describe('A file with the password, on every server, readable by root alone.'),
    interface: z.enum(['lanplus', 'lan']).default('lanplus').describe('IPMI 2.0, or 1.5.'),
    cipher: integer(0, 17).optional().describe('Cipher suite of lanplus; without it, what ipmitool chooses.'),
    privilege: z
      .enum(['OPERATOR', 'ADMINISTRATOR'])
      .default('ADMINISTRATOR')
      .describe('The privilege level that is asked for.'),
    action: z
      .enum(['off', 'cycle', 'reset', 'diag'])
      .default('off')
      .describe(
        'off: until its status says off. cycle: off, verified, then on. diag: NMI for a dump, then off. reset: by the word of the controller alone.',
      ),
    diagWait: form
      .after('10s', { most: '10m' })
      .describe('Time between the NMI of diag and switching off, for the dump.'),
  })
}

const agentOf = (form: Form) => {
  const { object, text, integer, name, absolutePath } = form
  return object({
    type: z.literal('agent').describe('A fence agent of the fence-agents collection.'),
    ...commonOf(form, false),
    agent: z
      .string()
      .regex(agentPattern, 'the name of a fence agent, such as fence_apc, or its absolute path')
      .describe('Its program.'),
    options: z
      .record(z.string(), z.string('a text; write numbers in quotes'))
      .default({})
      .describe('What it is given on its input, such as ip and username; pcmk_host_map and its like as in Pacemaker.'),
    secrets: z.record(z.string(), absolutePath).default({}).describe('The same from files, such as password.'),
    hostMap: z
      .record(name, z.array(text).min(1))
      .default({})
      .describe('The plugs of each server; without it, a server is known by its own name.'),
    argument: z
      .enum(['plug', 'port', 'none'])
      .default('plug')
      .describe('The option that names the plug; none for a device of one server only.'),
    offAction: text.default('off').describe('The action that ends the server; it must be verified by the agent.'),
    onAction: text.default('on').describe('The action that starts it again.'),
    statusAction: text.default('status').describe('The action that says whether it is on.'),
    retries: integer(0, 9).default(1).describe('Further attempts with the same plug.'),
  })
}

const vmOf = (form: Form) => {
  const { object, text, name } = form
  return object({
    type: z.literal('vm').describe('A virtual machine, by the command line of its hypervisor.'),
    ...commonOf(form, false),
    hypervisor: z.enum(['virsh', 'qm', 'xe', 'vboxmanage']).describe('Whose command line it is.'),
    uri: text.optional().describe('For virsh: the connection, such as qemu+ssh://root@host/system.'),
    through: z
      .array(text)
      .default([])
      .describe('Words before the command, such as [ssh, -o, BatchMode=yes, root@host].'),
    hostMap: z.record(name, text).default({}).describe('The name or number of each server’s virtual machine.'),
  })
}

const commandOf = (form: Form) => {
  const { object, script } = form
  return object({
    type: z.literal('command').describe('Commands of your own; BATON_FENCE_SERVER names the server.'),
    ...commonOf(form, false),
    off: script.describe('Switches it off. Without status, exit code 0 promises that it is off.'),
    on: script.optional().describe('Switches it on again.'),
    status: script.optional().describe('Exit code 0: it is on; 2: it is off; anything else: not known.'),
  })
}

/** Forced stop (F2). */
export const fencingOf = (form: Form) => {
  const { object, after, integer, name } = form
  return object({
    policy: z
      .enum(['off', 'preferred', 'required'])
      .default('off')
      .describe(
        'required: groups of a server that was declared down move only once it is proven off. preferred: they go on without the proof when no device answers. off: its expired lease is enough.',
      ),
    action: z
      .enum(['off', 'reboot'])
      .default('off')
      .describe('off: it stays off. reboot: once it is proven off, it is switched on again.'),
    timeout: after('1m', { least: '1s', most: '30m' }).describe('One attempt over all levels takes at most this.'),
    retries: integer(0, 99).default(2).describe('Further attempts, soon after another.'),
    pause: after('5s', { least: '100ms', most: '10m' }).describe('Time between these.'),
    retryEvery: after('1m', { least: '1s', most: '1h' }).describe('Time between attempts after that, without end.'),
    check: after('5m', { most: '1d' }).describe('How often every device is asked for its status; 0s = never.'),
    devices: z
      .record(name, z.discriminatedUnion('type', [ipmiOf(form), agentOf(form), vmOf(form), commandOf(form)]))
      .default({})
      .describe('What can end a server, by name.'),
    levels: z
      .record(name, z.array(z.array(name).min(1)).min(1))
      .default({})
      .describe(
        'For each server, levels in order, each a list of devices that must all succeed: [[bmc], [pdu-a, pdu-b]].',
      ),
  })
}

/** The commands behind the final actions that end a machine (F1). Run on the server itself, as root, by /bin/sh. */
export const finalActionsOf = ({ object, text, after }: Form) =>
  object({
    shutdown: text.default('systemctl poweroff').describe('Shuts the operating system down.'),
    reboot: text.default('systemctl reboot').describe('Restarts the operating system.'),
    panic: text
      .default('echo 1 > /proc/sys/kernel/sysrq; echo c > /proc/sysrq-trigger')
      .describe('Makes the kernel panic, which writes a dump where kdump is set up.'),
    keepaliveReset: text.optional().describe('Lets a keepalive device reset the machine; there is none by default.'),
    keepalivePanic: text.optional().describe('Lets a keepalive device make the kernel panic.'),
    bmcReset: text.default('ipmitool chassis power reset').describe('Resets the machine by its own BMC.'),
    bmcOff: text.default('ipmitool chassis power off').describe('Switches it off by its own BMC.'),
    bmcCycle: text.default('ipmitool chassis power cycle').describe('Switches it off and on by its own BMC.'),
    bmcNmi: text.default('ipmitool chassis power diag').describe('Sends itself an NMI by its own BMC.'),
    wait: after('30s', { most: '10m' }).describe(
      'Before shutdown and reboot: how long the other groups of the server may take to move.',
    ),
  })
