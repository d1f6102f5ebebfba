/** The part of the configuration that is about watchdogs. */
import { z } from 'zod'
import type { Form } from './configuration-form.ts'

export const watchdogOf = ({ object, absolutePath, duration }: Form) =>
  object({
    device: z
      .union([z.literal('none'), absolutePath])
      .default('none')
      .describe('The watchdog of every server, such as /dev/watchdog; `none` arms none.'),
    required: z
      .boolean()
      .default(false)
      .describe('Whether a server without an armed watchdog holds no lease, and so runs no groups.'),
    timeout: duration({ least: '1s', most: '1h' })
      .optional()
      .describe('Its time-out, in whole seconds; without it, the shortest that heartbeat allows.'),
    pretimeout: duration({ least: '1s', most: '1h' })
      .optional()
      .describe('How long before the reset the driver raises its alarm (a kernel panic, a dump), where it can.'),
  })
