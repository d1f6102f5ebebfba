/** The part of the configuration that says where a voter tells its metrics. */
import { z } from 'zod'
import type { Form } from './configuration-form.ts'

const placeOf = ({ listenAddress }: Form) =>
  z.union([z.literal('none'), listenAddress], 'address:port, such as 0.0.0.0:29020 or [::]:29020, or none')

export const metricsOf = (form: Form) =>
  form.object({
    listen: placeOf(form)
      .default('none')
      .describe('Where servers and witness answer GET /metrics, such as 0.0.0.0:29020 or [::]:29020; `none`: nowhere.'),
    tls: z
      .boolean()
      .default(false)
      .describe('By HTTPS, under the cluster’s own certificates (ca.pem of a kit); otherwise by plain HTTP.'),
  })

/** What a voter may have of its own. */
export const ownMetricsOf = (form: Form) =>
  placeOf(form).optional().describe('Where it answers GET /metrics, where that differs from metrics.listen.')
