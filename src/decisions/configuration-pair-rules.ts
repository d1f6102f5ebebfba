/** Topology `pair`: what must be so for NP resolution to stand in for the missing server (liveness-pair.ts). */
import type { RuleContext } from './configuration-rules.ts'
import type { Path, Problem } from './configuration-source.ts'

export const pairRules = (context: RuleContext): readonly Problem[] => [...whoRule(context), ...methodRule(context)]

const whoRule = ({ configuration, report }: RuleContext): readonly Problem[] => {
  const { servers, witness, voters } = configuration
  const refuse = (path: Path, message: string, remedy: string) => [
    report({ path, place: path[0] === 'topology' ? 'value' : 'key', message, remedy }),
  ]
  if (servers.length !== 2)
    return refuse(['topology'], `a pair is two servers, and here are ${servers.length}`, 'remove topology')
  if (witness) return refuse(['witness'], 'a pair has no witness', 'remove topology: with the witness it is a quorum')
  return voters ? refuse(['voters'], 'in a pair both servers vote', 'remove it') : []
}

/** Only what can say `connected` while the other is silent may stand in for it. */
const methodRule = ({ configuration, report, broken }: RuleContext): readonly Problem[] => {
  if (broken(['npResolution']) || broken(['heartbeat'])) return []
  const { npResolution, heartbeat } = configuration
  const { ping, http, disk, majority, com, bmc, rule } = npResolution
  const problems: Problem[] = []
  const refuse = (path: Path, message: string, remedy: string) =>
    problems.push(report({ path, place: 'key', message, remedy }))
  if (!ping && !http && !disk)
    refuse(
      ['npResolution'],
      'a pair without ping, http or disk: nothing tells a lost peer from a cut-off server, so either one’s death stops both',
      'add ping targets that answer only while this side is connected',
    )
  if (rule === 'all' && (majority || com))
    refuse(
      ['npResolution', 'rule'],
      'with all, majority and com never say connected while the peer is silent',
      'remove them, or say any',
    )
  if (rule === 'any' && bmc)
    refuse(
      ['npResolution', 'bmc'],
      'controllers answer on both sides of a cut of the networks: with any, both servers would be taken for connected',
      'remove it, or say rule: all',
    )
  if (heartbeat.onQuorumLoss === 'keep')
    problems.push(
      report({
        path: ['heartbeat', 'onQuorumLoss'],
        message: 'in a pair NP resolution says who goes on; keep would let both go on',
        remedy: 'remove it',
      }),
    )
  const leaseMs = heartbeat.timeout - heartbeat.release
  for (const [method, questions] of Object.entries({ ping, http })) {
    if (!questions || questions.interval + questions.timeout < leaseMs) continue
    const message = `answers come too late: interval and timeout together must be less than T − R (${leaseMs} ms)`
    refuse(['npResolution', method], message, 'shorten them, or raise heartbeat.timeout')
  }
  return problems
}
