/**
 * Makes a voter the leader of the log. Runs on a host, whose log server alone is reachable from there:
 *
 *   node lead.ts KIT_DIRECTORY VOTER
 */
import { logServersOf, readVoterKit } from '../../../src/agents/voter/voter-kit.ts'
import { voterName } from '../../../src/events/ids.ts'
import { connectLog } from '../../../src/events/jetstream-connection.ts'
import { jetstreamLog } from '../../../src/events/jetstream-log.ts'
import { realWorld } from '../../../src/world/real.ts'
import { until } from '../lab/until.ts'

const withinMs = 20_000

const [directory = '', voter = ''] = process.argv.slice(2)
const world = realWorld()
const kit = await readVoterKit(world.files, directory)
const { ca, certificate, key, nkeys } = kit
const credentials = { ca, certificate, key, seed: nkeys.agent.seed }
const connection = await connectLog(world, { name: 'lead', servers: logServersOf(kit), credentials, withinMs })
const log = jetstreamLog(world, connection, { cluster: kit.identity.cluster })

/** Between two tries: what was asked needs a moment to be so. */
const againMs = 1000
let askedAt = Number.NEGATIVE_INFINITY
const isLeader = async () => {
  if (log.status().leader === voter) return true
  if (world.clock.now() - askedAt > againMs) {
    askedAt = world.clock.now()
    await log.moveLeader(voterName(voter))
  }
  return false
}
await until(isLeader, withinMs, `${voter} to lead the log`)
await log.close()
await connection.close()
