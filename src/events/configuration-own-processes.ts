/** The part of the configuration that says what a server does when one of our own processes dies on it (F4). */
import { z } from 'zod'
import type { Form } from './configuration-form.ts'
import { machineActions } from './fencing.ts'

/** A stop of one group would not answer the death of what serves all of them. */
export const emergencyActions = ['none', 'stop-service', ...machineActions] as const

export const ownProcessesOf = ({ object, integer, after }: Form) =>
  object({
    action: z
      .enum(emergencyActions)
      .default('none')
      .describe(
        'What the server does to itself. none: the process is started again, and what runs goes on as long as its lease does.',
      ),
    deaths: integer(1, 99).default(1).describe('So many deaths of one process lead to the action.'),
    within: after('10m', { least: '1s', most: '1d' }).describe(
      'Older deaths do not count, nor those of before the machine restarted.',
    ),
  })
