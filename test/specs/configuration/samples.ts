/** Texts the specs of the configuration begin with. */
import { type Checked, checkConfiguration, formatProblem } from '../../../src/decisions/check-configuration.ts'
import type { Configuration } from '../../../src/events/index.ts'

export const two = `cluster: test
servers:
  - { name: alpha, addresses: { lan: 10.0.0.1 } }
  - { name: beta, addresses: { lan: 10.0.0.2 } }
witness: { name: gamma, addresses: { lan: 10.0.0.3 } }
`
export const group = (...resources: readonly string[]) => `groups:
  web:
    servers: [alpha, beta]
    resources:
${resources.map((resource) => `      ${resource}\n`).join('')}`

export const web = two + group('app: { type: exec, start: sleep 1000 }')

/** Servers s1, s2, … and perhaps a witness w. */
export const servers = (count: number, witness: boolean, rest = ''): string =>
  [
    'cluster: test',
    'servers:',
    ...Array.from({ length: count }, (_, i) => `  - { name: s${i + 1}, addresses: { lan: 10.0.0.${i + 1} } }`),
    ...(witness ? ['witness: { name: w, addresses: { lan: 10.0.0.99 } }'] : []),
    rest,
  ].join('\n')

/** Every problem of a checked text, as a person sees it. */
export const lines = (checked: Checked): readonly string[] =>
  [...(checked.ok ? [] : checked.problems), ...checked.warnings].map((problem) => formatProblem(problem, 'c.yaml'))

export const problemsOf = (text: string): readonly string[] => lines(checkConfiguration(text))

export const configurationOf = (text: string): Configuration => {
  const checked = checkConfiguration(text)
  if (!checked.ok) throw new Error(lines(checked).join('\n'))
  return checked.configuration
}
