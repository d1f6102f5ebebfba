/** The reference of the configuration as Markdown, made from the schema, so that it cannot be out of date. */
import { configurationJsonSchema, type JsonSchema } from './configuration-json-schema.ts'

type Row = { readonly key: string; readonly schema: JsonSchema; readonly required: boolean }
type Section = { readonly title: string; readonly about: string; readonly rows: readonly Row[] }

/** `docs/configuration.md`: how a file is written and checked, then every key with its value, default and meaning. */
export const configurationReference = (): string => {
  const root = configurationJsonSchema()
  const groups = valuesOf(root.properties?.groups)
  const resources = valuesOf(groups?.properties?.resources)?.oneOf ?? []
  const monitors = valuesOf(root.properties?.monitors)?.oneOf ?? []
  const { fencing } = root.properties ?? {}
  const devices = valuesOf(fencing?.properties?.devices)?.oneOf ?? []
  const sections: readonly Section[] = [
    { title: 'Cluster', about: 'At the top of the file.', rows: rowsOf(root, '', ['groups', 'monitors', 'fencing']) },
    {
      title: 'Groups',
      about: '`groups:` holds each failover group under its name.',
      rows: groups ? rowsOf(groups, '', ['resources']) : [],
    },
    ...typed('Resource', '`resources:` of a group holds each resource under its name.', resources),
    ...typed('Monitor', '`monitors:` holds each monitor under its name.', monitors),
    {
      title: 'Fencing',
      about: '`fencing:` says how a lost server is proven off.',
      rows: rowsOf(fencing ?? {}, 'fencing.', ['devices']),
    },
    ...typed('Fence device', '`fencing.devices:` holds each device under its name.', devices),
  ]
  return [introduction, ...sections.map(sectionText)].join('\n')
}

const introduction = `# Configuration

A cluster is described in one file, in YAML 1.2 (or JSON, which is a part of it). \`ops/examples\` has whole ones to
begin with. The file is checked before anything is done with it, and all of its problems are reported at once:

    cluster.yaml:12:7 groups.web.failover: "autmatic" is not one of auto, dynamic, manual; did you mean "auto"?

An error refuses the file, a warning does not. What is accepted is recorded on the cluster's log, defaults filled in
and scripts embedded, and reaches every server from there; the file itself is needed no more.

- A **duration** is a number with a unit: \`300ms\`, \`3s\`, \`1.5m\`, \`1h\`, \`2d\`; 24 days at most.
- A **name** begins with a letter and has at most 31 letters, digits, \`-\` or \`_\`.
- A **number** has no leading zeros: \`010\` is 8 to some readers of YAML, so it is refused.
- A **script** is a shell command line; or, when it begins with \`#!\`, a whole script; or \`{file: path}\`, counted from
  the configuration file, 64 KiB at most. All together a configuration may have 200 KiB.
- An unknown key is an error. \`&anchor\`, \`*alias\` and \`<<\` save repeating what is the same.

## Time-outs of the heartbeat

A server may run groups while a majority of the voters has heard it lately. When it has been silent for \`timeout\` (T)
the voters may give its groups away; \`release\` (R) before that it has lost its lease, and within R it must be off. So R
must cover what stopping takes (\`stop\`, D) and what clocks may be wrong by (\`clockRateError\`, ρ), and the lease must
outlast what is to be expected of a network: k = \`lostBeats\`.

    release ≥ stop + 2 ρ × timeout / (1 + ρ)
    timeout − release > 2 × delay + (lostBeats + 2) × interval + stall

The check enforces both, and proposes the nearest values that satisfy them.

## What a running cluster takes over

Applying a changed file says first what it would change, restart and stop. At once and without an interruption:
time-outs, retries, final actions, \`after\`; \`failover\`, \`failback\`, \`exclusion\`, the order of servers; monitors,
alerts and \`metrics\`; added resources (they are started) and removed ones (they are stopped); of \`exec\`: \`stop\`, \`killAfter\`,
\`logSize\`; of \`fip\`: \`duplicate\`, \`duplicateWait\`, \`duplicatePatience\`, \`reannounce\`; of \`disk\`: \`fsck\`, \`killUsersAfter\`; of
\`md\` these two, \`queueLimit\`, \`ackTimeout\`, \`resync\` and \`initial\`. Everything else about a resource restarts it. All of \`heartbeat\` is taken over at once, too: voters keep what they promised under the
old values; where leases would be too short for a while, the change is refused and has to be done in two steps. Other
\`voters\`, among the machines that the kits know, vote as soon as every server that is up counts them. A server
is taken out once it is gone: \`baton server stop\` it first; one that is down must not wait to be proven off. Not possible yet
while the cluster runs: voters that no kit knows, ports, and the addresses of servers that stay. The name of a cluster never changes.
`

const valuesOf = (schema: JsonSchema | undefined): JsonSchema | undefined =>
  typeof schema?.additionalProperties === 'object' ? schema.additionalProperties : undefined

/** What all types have in common comes once, and then what each has of its own. */
const typed = (title: string, about: string, types: readonly JsonSchema[]): readonly Section[] => {
  const text = (row: Row) => JSON.stringify(row)
  const all = types.map((type) => rowsOf(type, '', []))
  const common = (all[0] ?? []).filter((row) => all.every((rows) => rows.some((other) => text(other) === text(row))))
  const shared = common.map(text)
  const sections = types.map((type, index) => ({
    title: `${title}: ${String(type.properties?.type?.const)}`,
    about: type.properties?.type?.description ?? '',
    rows: (all[index] ?? []).filter((row) => row.key !== 'type' && !shared.includes(text(row))),
  }))
  return [{ title: `${title}s`, about, rows: common }, ...sections]
}

const rowsOf = (schema: JsonSchema, prefix: string, leaveOut: readonly string[]): readonly Row[] =>
  Object.entries(schema.properties ?? {})
    .filter(([key]) => !leaveOut.includes(key))
    .flatMap(([key, inner]) => {
      const here = `${prefix}${key}`
      const row = { key: here, schema: inner, required: schema.required?.includes(key) ?? false }
      if (inner.properties) return [row, ...rowsOf(inner, `${here}.`, [])]
      return inner.items?.properties ? [row, ...rowsOf(inner.items, `${here}[].`, [])] : [row]
    })

const sectionText = ({ title, about, rows }: Section): string => {
  const lines = rows.map((row) => `| ${[`\`${row.key}\``, kindOf(row.schema), usual(row), meaning(row)].join(' | ')} |`)
  const table = ['| key | value | default | meaning |', '|---|---|---|---|', ...lines]
  return `## ${title}\n\n${about}\n${lines.length > 0 ? `\n${table.join('\n')}\n` : ''}`
}

const meaning = ({ schema }: Row): string => (schema.description ?? '').replaceAll('|', '\\|')

const usual = ({ schema, required }: Row): string => {
  if (required) return '**required**'
  const { default: value } = schema
  if (value === undefined || (schema.properties && JSON.stringify(value) === '{}')) return ''
  return `\`${typeof value === 'string' ? value : JSON.stringify(value)}\``
}

const kindOf = (schema: JsonSchema): string => {
  if (schema.enum) return schema.enum.map((value) => `\`${String(value)}\``).join(' ')
  if (schema.const !== undefined) return `\`${String(schema.const)}\``
  if (schema.anyOf) return [...new Set(schema.anyOf.map(kindOf))].join(' or ')
  if (schema.pattern?.includes('ms|s|m|h')) return 'duration'
  if (schema.pattern?.startsWith('^[A-Za-z][A-Za-z0-9_-]')) return 'name'
  if (schema.format === 'ipv4' || schema.format === 'ipv6') return 'address'
  if (schema.format === 'cidrv4' || schema.format === 'cidrv6') return 'address/prefix'
  if (schema.type === 'array')
    return schema.items?.properties ? 'list' : `list: ${schema.items ? kindOf(schema.items) : ''}`
  if (schema.type === 'integer' || schema.type === 'number') return range(schema)
  if (schema.type === 'string') return 'text'
  if (schema.type === 'boolean') return '`true` `false`'
  if (schema.properties) return Object.keys(schema.properties).join() === 'file' ? '`{file: path}`' : 'keys'
  const values = valuesOf(schema)
  return values ? `name: ${kindOf(values)}` : 'keys'
}

const range = ({ type, minimum, maximum }: JsonSchema): string => {
  const word = type === 'integer' ? 'whole number' : 'number'
  const most = maximum === undefined || maximum >= Number.MAX_SAFE_INTEGER ? null : maximum
  if (minimum === undefined && most === null) return word
  return most === null ? `${word} ≥ ${minimum}` : `${word}, ${minimum} to ${most}`
}
