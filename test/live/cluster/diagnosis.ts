/** What `baton doctor` says on one host of a cluster. */
import type { Finding } from '../../../src/cli/doctor/finding.ts'
import type { Cluster } from './cluster.ts'

export type Diagnosis = { readonly code: number | null; readonly findings: readonly Finding[] }

export const examine = async (cluster: Cluster, voter: string): Promise<Diagnosis> => {
  const { code, stdout } = await cluster.baton(voter, ['doctor', '--json'])
  const { findings } = JSON.parse(stdout) as { readonly findings: readonly Finding[] }
  return { code, findings }
}

export const about = ({ findings }: Diagnosis, what: string): Finding => {
  const found = findings.find((finding) => finding.what === what)
  if (found === undefined) throw new Error(`nothing about ${what}: ${findings.map((one) => one.what).join(', ')}`)
  return found
}

export const problemsOf = ({ findings }: Diagnosis): readonly string[] =>
  findings.flatMap(({ what, level }) => (level === 'problem' ? [what] : []))
