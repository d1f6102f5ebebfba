/** The part of the configuration's schema that says what is watched and what follows from an error (O6). */
import { z } from 'zod'
import type { Form } from './configuration-form.ts'
import { finalActions } from './configuration-resources.ts'

const recoveryOf = ({ object, after, integer, script }: Form) =>
  object({
    on: z
      .enum(['resource', 'group', 'all-groups', 'server'])
      .default('resource')
      .describe('What is restarted and failed over; resource means the group when the target names no resource.'),
    script: script.optional().describe('Runs before each restart and failover.'),
    restarts: integer(0, 99).default(3).describe('Restarts of the target before it is failed over.'),
    failovers: integer(0, 99).default(1).describe('Failovers before the final action.'),
    finalAction: z.enum(finalActions).default('none').describe('What is done when nothing else has helped.'),
    healthyAfter: after('10m', { least: '1s' }).describe('After so long without an error all counts begin at 0 again.'),
  })

/** Starting it anew helps a mirror in nothing: what is wrong is on the other side, or needs a person. */
const tellOnly = { restarts: 0, failovers: 0 }

const commonOf = (form: Form, usually: 'always' | 'active') => {
  const { object, after, integer, name } = form
  return {
    interval: after('10s', { least: '10ms' }).describe('Time from one look to the next.'),
    timeout: after('5s', { least: '10ms' }).describe('A look that takes longer is ended; see onTimeout.'),
    retries: integer(0, 999).default(1).describe('Further looks before an error counts.'),
    startDelay: after('0s').describe('Time before the first look.'),
    when: z
      .enum(['always', 'active'])
      .default(usually)
      .describe('Watched always, or only where and while the target is active.'),
    target: object({
      group: name.describe('The group.'),
      resource: name.optional().describe('One resource of it; without it, the whole group.'),
    })
      .optional()
      .describe('What is watched while active, and what recovery acts on.'),
    servers: z.array(name).optional().describe('The servers that watch; without it, all.'),
    nice: integer(-20, 19).default(0).describe('Scheduling priority of the look; 19 is the least.'),
    delayWarning: integer(0, 100)
      .default(80)
      .describe('Percent of the time-out above which a slow look is a warning; 100 = never, 0 = always.'),
    onTimeout: object({
      retry: z.boolean().default(false).describe('A time-out counts as one of the retries.'),
      recover: z.boolean().default(false).describe('A time-out may lead to recovery.'),
    })
      .prefault({})
      .describe('Under load a time-out is not an error; so by default it is recorded and nothing is done.'),
    recovery: recoveryOf(form).prefault({}).describe('What is done at an error: restart, fail over, final action.'),
  }
}

/** The schema of one monitor, of any type. */
export const monitorOf = (form: Form) => {
  const { object, address, nic, script, text, integer } = form
  const common = commonOf(form, 'always')
  return z.discriminatedUnion('type', [
    object({
      type: z.literal('ipw').describe('Addresses, by ICMP echo (M1).'),
      ...common,
      addresses: z.array(address).min(1).describe('It is an error when one of them does not answer.'),
    }),
    object({
      type: z.literal('pidw').describe('The process that the exec resource in target started (M3).'),
      ...commonOf(form, 'active'),
    }),
    object({
      type: z.literal('miiw').describe('The link of a network interface (M5).'),
      ...common,
      nic: nic.describe('Its name.'),
    }),
    object({
      type: z
        .literal('mdw')
        .describe(
          'The mirror disk in target: state of the mirror, and errors of its disk (M7). By default an error is only told: restarts and failovers are 0.',
        ),
      ...common,
      recovery: recoveryOf(form)
        .prefault(tellOnly)
        .describe('What is done at an error: restart, fail over, final action.'),
    }),
    object({
      type: z
        .literal('mdnw')
        .describe(
          'The mirror connects of the mirror disk in target (M7). By default an error is only told, as with mdw.',
        ),
      ...common,
      recovery: recoveryOf(form)
        .prefault(tellOnly)
        .describe('What is done at an error: restart, fail over, final action.'),
    }),
    object({
      type: z.literal('genw').describe('A script and its exit code (M8).'),
      ...common,
      script: script.describe('A shell command line, a whole script beginning with #!, or {file: path}.'),
      normalExit: z.array(integer(0, 255)).min(1).default([0]).describe('Exit codes that mean normal.'),
      mode: z
        .enum(['sync', 'async'])
        .default('sync')
        .describe('sync: runs at every interval. async: the script stays; its exit is the error.'),
      user: text.optional().describe('The user the script runs as; without it, the one the agent runs as.'),
    }),
  ])
}
