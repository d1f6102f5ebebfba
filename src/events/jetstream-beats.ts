/** Beats over the log servers' ordinary messaging (path `nats`): no replica, no leader, no quorum is involved. */
import { type VoterName, voterName } from './ids.ts'
import type { LogConnection } from './jetstream-connection.ts'
import { beatSubject } from './jetstream-stream.ts'

export type BeatChannel = {
  /** At most once and only now: while disconnected a beat is dropped, since a late beat would be a lie. */
  readonly publish: (bytes: Uint8Array) => void
  /** Beats of the other voters. `from` is by the subject alone: the beat itself has to prove its sender. */
  readonly subscribe: (received: (bytes: Uint8Array, from: VoterName) => void) => { readonly stop: () => void }
}

export const beatChannel = (
  connection: LogConnection,
  own: { readonly cluster: string; readonly voter: VoterName },
): BeatChannel => {
  const subject = beatSubject(own.cluster, own.voter)
  return {
    publish: (bytes) => {
      if (connection.isConnected()) connection.nats.publish(subject, bytes)
    },
    subscribe: (received) => {
      const subscription = connection.nats.subscribe(beatSubject(own.cluster, '*'), {
        callback: (error, message) => {
          if (error || message.subject === subject) return
          const from = voterName(message.subject.slice(message.subject.lastIndexOf('.') + 1))
          // What throws in here would end the connection's reading without a word; in a microtask it ends the process.
          queueMicrotask(() => received(message.data, from))
        },
      })
      return { stop: () => subscription.unsubscribe() }
    },
  }
}
