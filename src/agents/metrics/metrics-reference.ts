/** `docs/metrics.md`, made from the metrics, so that it cannot be out of date. */
import { agentMetrics } from './agent-metrics.ts'
import { clusterMetrics } from './cluster-metrics.ts'
import type { Metric } from './metric.ts'
import { mirrorMetrics } from './mirror-metrics.ts'

export const metricsReference = (): string =>
  [
    introduction,
    section('Of this server or witness', 'Its lease, the log as it has it, whom it hears, its alerts.', agentMetrics),
    section('Of the cluster', 'What the log says: the same on every server, as far as each has read.', clusterMetrics),
    section(
      'Of mirror disks',
      'From the data plane of the server that is asked, unless it says `by the log`. It is asked once a second anyway. Of the statistics files only what is per sample is missing, which Prometheus reckons itself (`rate`, `max_over_time`), and the *Waiting* columns, which are always 0 ([why](mirror-process.md#statistics)).',
      mirrorMetrics,
    ),
  ].join('\n')

const introduction = `# Metrics

Servers and witness answer \`GET /metrics\` in Prometheus’ text format, where the configuration says so:

\`\`\`yaml
metrics:
  listen: 0.0.0.0:29020      # or one address of every server: 127.0.0.1:29020; [::]:29020; none
  tls: true                  # HTTPS; Prometheus believes it by ca.pem of a kit
servers:
  - name: s1
    metrics: 10.0.0.1:29020  # where it differs
\`\`\`

It is off unless that is configured, and taken over at once when it changes. Whoever can connect can read: names of groups,
servers and networks, and how they are; nothing secret, and nothing can be changed. Where the place cannot be had, the
agent says so in its diary and tries again every 10 s; it needs it for nothing.

\`\`\`yaml
scrape_configs:
  - job_name: baton
    scheme: https
    tls_config: { ca_file: /etc/prometheus/baton-ca.pem }
    static_configs: [{ targets: ['10.0.0.1:29020', '10.0.0.2:29020', '10.0.0.3:29020'] }]
\`\`\`

A scrape asks nobody and waits for nothing: it is answered from memory, anew once a second at most however often it
comes; 8 connections of one address, 64 in all. Labels are names of the configuration, and the states below; series come and
go only with these. States are a series each, 1 for the one that holds, so \`baton_group_state{state="online"} == 0\` is an
alarm. Alert on what a server that lives says of the others, and on \`up == 0\` of all of them: a server that is gone says nothing.

| alarm | expression |
|---|---|
| a group is not online though it is wanted | \`baton_group_wanted == 1 unless on(group, instance) baton_group_state{state="online"} == 1\` |
| no majority | \`baton_voters_heard < baton_voters_majority\` |
| the log is away | \`baton_log_reachable == 0\` |
| a heartbeat path is lost | \`baton_server_lost_paths > 0\` |
| a copy lacks acknowledged writes | \`baton_mirror_copy_current == 0\` |
`

const section = (title: string, about: string, metrics: readonly Metric[]): string => `## ${title}

${about}

| metric | type | labels | meaning |
|---|---|---|---|
${metrics.map(({ name, type, labels, help }) => `| \`${name}\` | ${type} | ${labels.map((label) => `\`${label}\``).join(' ')} | ${help} |\n`).join('')}`
