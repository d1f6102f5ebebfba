/** How a server tells whether it is this side of a partition that is cut off, and what the losing side does (N1–N5). */
import { z } from 'zod'
import type { Form } from './configuration-form.ts'

/** Of several answers: is one enough, or must all be so? */
const ruleOf = (about: string) => z.enum(['any', 'all']).default('any').describe(about)

const pingOf = ({ object, after, duration, address }: Form) =>
  object({
    targets: z
      .array(address)
      .min(1)
      .optional()
      .describe('Addresses that answer only while this side is connected: one group, of which any one is enough.'),
    groups: z
      .array(z.array(address).min(1))
      .min(1)
      .optional()
      .describe('Several such groups: a group answers when any of its addresses does.'),
    rule: ruleOf('Connected when `any` of the groups answers, or only when `all` do.'),
    interval: after('1s', { least: '100ms' }).describe('Time from one ping to the next.'),
    timeout: after('500ms', { least: '10ms' }).describe('How long an answer may take.'),
    wait: duration({ most: '5m' })
      .optional()
      .describe('As `npResolution.wait`, where it stood before there were other methods; the longer one counts.'),
  })

const httpOf = ({ object, after, absolutePath, httpUrl }: Form) =>
  object({
    urls: z
      .array(httpUrl)
      .min(1)
      .describe('Asked with HEAD; an answer with a status below 500 says that this side is connected.'),
    rule: ruleOf('Connected when `any` of the URLs answers, or only when `all` do.'),
    interval: after('2s', { least: '100ms' }).describe('Time from one round of questions to the next.'),
    timeout: after('1s', { least: '10ms' }).describe('How long an answer may take, connecting included.'),
    ca: absolutePath
      .optional()
      .describe('PEM file of the authorities that https servers are believed from, instead of the system’s.'),
  })

const onLossOf = ({ object, after }: Form) =>
  object({
    action: z
      .enum(['none', 'stop-service', 'os-shutdown', 'os-reboot', 'panic'])
      .default('none')
      .describe('What a server does that lost its lease and is cut off, once everything it ran is off (N5).'),
    after: after('5s', { most: '1h' }).describe('How long it must have been so: short cuts end by themselves.'),
    practice: z
      .boolean()
      .default(false)
      .describe('It only says what it would do: in its diary at once, on the log once it can write again.'),
  })

export const npResolutionOf = (form: Form) =>
  form.object({
    rule: ruleOf('Connected when `any` of the methods below says so, or only when `all` do.'),
    wait: form
      .after('1s', { most: '5m' })
      .describe('How much longer a server waits with a takeover while it is cut off. A delay, never a veto.'),
    ping: pingOf(form).optional().describe('N1: asks by ICMP echo who can be reached from here.'),
    http: httpOf(form).optional().describe('N2: asks web servers.'),
    majority: z
      .boolean()
      .default(false)
      .describe('N3: connected while more than half of the voters are heard, this one included.'),
    com: z
      .boolean()
      .default(false)
      .describe('N4: a peer heard over the serial cable is alive, and this side is connected to it.'),
    disk: z
      .boolean()
      .default(false)
      .describe('N4: connected while the heartbeat disk can be read and written here, cut off while it cannot.'),
    bmc: z
      .boolean()
      .default(false)
      .describe('Connected while the management controller of another server answers; its silence tells nothing.'),
    onLoss: onLossOf(form).prefault({}).describe('What the losing side of a partition does (N5).'),
  })
