/** A log of very many commits on a log server of one voter, written quickly and read by the product like any other. */

import { spawn } from 'node:child_process'
import { hash as digestOf } from 'node:crypto'
import { once } from 'node:events'
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { logServerConfiguration } from '../../src/agents/log/log-server-configuration.ts'
import { logServersOf, type VoterKit } from '../../src/agents/voter/voter-kit.ts'
import { type Commit, encodeCommit, type Hash } from '../../src/events/index.ts'
import { connectLog } from '../../src/events/jetstream-connection.ts'
import { ensureStream, subjectOf } from '../../src/events/jetstream-stream.ts'
import { realWorld } from '../../src/world/real.ts'
import { natsServerPath } from './machine.ts'

/** One publish in so many asks for an answer, which tells that those before it were stored in this order. */
const perAnswer = 500
/** So many of those may be under way. */
const mostUnderWay = 8
const answerMs = 30_000
const storeBytes = 4_294_967_296

export type LongLog = {
  readonly kit: VoterKit
  /** Where the voter's agent will look for the log server's files. */
  readonly directory: string
  readonly commits: number
  readonly commitOf: (n: number) => Commit
}

/** Ends with the log server stopped and its store as a crash would leave no other: complete and on disk. */
export const writeLongLog = async ({ kit, directory, commits, commitOf }: LongLog): Promise<void> => {
  await mkdir(directory, { recursive: true })
  const configuration = join(directory, 'loading.conf')
  await writeFile(configuration, unsynced(logServerConfiguration(kit, placesIn(directory))))
  const server = spawn(natsServerPath(), ['--config', configuration], { stdio: 'ignore' })
  const ended = once(server, 'exit')
  try {
    await load(kit, commits, commitOf)
  } finally {
    server.kill('SIGTERM')
    await ended
  }
}

const placesIn = (directory: string) => ({
  storeDirectory: `${directory}/store`,
  logFile: `${directory}/loading.log`,
  storeBytes,
})

/** Only while the log is made: nothing is lost when this process, or the machine, dies meanwhile. */
const unsynced = (configuration: string): string => {
  const parsed = JSON.parse(configuration)
  return JSON.stringify({ ...parsed, jetstream: { ...parsed.jetstream, sync_interval: '2m' } })
}

const load = async (kit: VoterKit, commits: number, commitOf: LongLog['commitOf']): Promise<void> => {
  const world = realWorld()
  const { cluster } = kit.identity
  const credentials = { ca: kit.ca, certificate: kit.certificate, key: kit.key, seed: kit.nkeys.agent.seed }
  const options = { name: 'long log', servers: logServersOf(kit), credentials, withinMs: answerMs }
  const connection = await connectLog(world, options)
  try {
    await ensureStream(world, connection, { cluster, replicas: 1, withinMs: answerMs })
    let previous = '' as Hash
    const answers: Promise<void>[] = []
    for (let n = 1; n <= commits; n++) {
      const commit = commitOf(n)
      const bytes = encodeCommit(commit, previous)
      previous = digestOf('sha256', bytes, 'base64url') as Hash
      const subject = subjectOf(cluster, commit)
      if (n % perAnswer !== 0 && n !== commits) {
        connection.nats.publish(subject, bytes)
        continue
      }
      answers.push(
        connection.nats.request(subject, bytes, { timeout: answerMs }).then((reply) => {
          if (reply.json<{ seq?: number }>().seq !== n) throw new Error(`commit ${n}: ${reply.string()}`)
        }),
      )
      if (answers.length >= mostUnderWay) await answers.shift()
    }
    await Promise.all(answers)
  } finally {
    await connection.close()
  }
}
