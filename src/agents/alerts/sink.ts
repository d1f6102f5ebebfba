/** Takes what is read from the log and sends its alerts, at most once a server, without ever holding up who reads. */
import { type Recorded, type Sequence, sequence } from '../../events/index.ts'
import { type Alert, alertOf, alertsAfter } from '../../projections/alerts.ts'
import type { State } from '../../projections/state.ts'
import type { World } from '../../world/world.ts'
import { alertQueue } from './alert-queue.ts'
import { pause } from './pause.ts'
import type { AlertTarget } from './target.ts'

export type AlertSinkOptions = {
  /** Where this server stands, durably; beside the other data of the server. */
  readonly cursorFile: string
  readonly targets: readonly AlertTarget[]
  /** Last sequence on the log, 0 while unknown. On a server's first start all up to there is history. */
  readonly endOfLog: () => Sequence
  /** Something does not get somewhere; for the agent's own log. Told once until it does again. */
  readonly trouble?: (what: string, cause: unknown) => void
  readonly queueLimit?: number
}

export type AlertSink = {
  /** Commits as they are read, old ones too, with the state before the first of them. Never throws, never waits. */
  readonly accept: (commits: readonly Recorded[], before: State) => void
  /** Alerts up to here have been sent, or given up. */
  readonly position: () => Sequence
  readonly status: () => AlertSinkStatus
  /** The alert configuration changed. The targets before are closed. */
  readonly retarget: (targets: readonly AlertTarget[]) => void
  /** Resolves once nothing is under way. */
  readonly idle: () => Promise<void>
  /** Sends what can be sent in a moment, then closes the targets. */
  readonly close: () => Promise<void>
}

export type AlertSinkStatus = {
  readonly queued: number
  readonly sent: number
  readonly dropped: number
  /** Batches that a target did not take, by its name. */
  readonly troubles: Readonly<Record<string, number>>
}

/** Alerts of a bad night; at a few hundred bytes each they weigh nothing. */
const usualQueueLimit = 1000
/** Alerts sent under one write of the cursor; a crash loses so many at most. */
const batchLimit = 100
/** The cursor follows through so many commits without alerts, lest a restart has to read them all again. */
const quietCommits = 1000
/** A full disk is not freed faster than this. */
const cursorRetryMs = 5_000
/** A server that stops does not wait longer for its alerts. */
const closeMs = 2_000

/**
 * Invariant: the cursor is on disk at an alert's sequence or beyond before that alert is sent. A crash may lose the
 * alerts of one batch; no restart sends one again.
 */
export const alertSink = async (
  world: Pick<World, 'clock' | 'files'>,
  options: AlertSinkOptions,
): Promise<AlertSink> => {
  const cursor = await readCursor(world, options)
  const sender = alertSender(world, options, cursor)
  /** Null until a first start has learned where the log ends. */
  let taken = cursor

  const take = (commits: readonly Recorded[], before: State): void => {
    const [first] = commits
    const last = commits.at(-1)
    if (!first || !last) return
    if (taken === null) {
      const end = options.endOfLog()
      // Commits can be read before anybody has said how many there are: history, as far as is known.
      if (end === 0) return
      taken = end
      sender.enqueue([], taken)
    } else if (cursor === taken && first.position.sequence > taken + 1) {
      sender.enqueue([passedOver(taken, first)], taken)
    }
    const alerts = alertsAfter(taken, { commits, before })
    taken = sequence(Math.max(taken, last.position.sequence))
    sender.enqueue(alerts, taken)
  }
  return {
    accept: (commits, before) => {
      try {
        take(commits, before)
      } catch (cause) {
        // Telling must never keep a server from reading the log.
        options.trouble?.('alerts of some commits could not be told', cause)
      }
    },
    position: () => sender.position(),
    status: sender.status,
    retarget: sender.retarget,
    idle: sender.idle,
    close: sender.close,
  }
}

/** The agent began to read after where its alerts ended: a crash between the two. */
const passedOver = (cursor: Sequence, { position, commit }: Recorded): Alert => {
  const until = sequence(position.sequence - 1)
  const values = [String(cursor + 1), String(until)]
  return alertOf({ name: 'alertsPassedOver', server: null, values }, { sequence: until, at: commit.at })
}

/** Null when this server has never sent alerts, or cannot know which: then none are sent again. */
const readCursor = async (
  { files }: Pick<World, 'files'>,
  { cursorFile, trouble }: AlertSinkOptions,
): Promise<Sequence | null> => {
  try {
    const text = await files.read(cursorFile)
    if (text === null) return null
    if (/^\d{1,15}\n$/.test(text)) return sequence(Number(text))
    trouble?.('the alert cursor is unreadable; alerts go on from the end of the log', text.slice(0, 100))
  } catch (cause) {
    trouble?.('the alert cursor cannot be read; alerts go on from the end of the log', cause)
  }
  return null
}

type Sender = {
  /** `upTo`: the last commit whose alerts are among these or were before. */
  readonly enqueue: (alerts: readonly Alert[], upTo: Sequence) => void
} & Pick<AlertSink, 'position' | 'status' | 'retarget' | 'idle' | 'close'>

/** Empties the queue, batch by batch: the cursor first, then the targets. */
const alertSender = (
  { clock, files }: Pick<World, 'clock' | 'files'>,
  { cursorFile, trouble, targets: first, queueLimit = usualQueueLimit }: AlertSinkOptions,
  cursor: Sequence | null,
): Sender => {
  const queue = alertQueue(queueLimit)
  const delivery = deliverTo(first, trouble)
  let durable = cursor ?? sequence(0)
  let read = durable
  /** A first start has nothing to send, but must remember where it began. */
  let isUnknown = cursor === null
  let running: Promise<void> | null = null
  let isClosed = false

  const advance = async (to: Sequence): Promise<boolean> => {
    if (to <= durable) return true
    try {
      await files.writeDurably(cursorFile, `${to}\n`)
      durable = to
      isUnknown = false
      return true
    } catch (cause) {
      trouble?.('the alert cursor cannot be written; alerts wait', cause)
      return false
    }
  }
  const isWorthWriting = (): boolean => read > durable && (isUnknown || isClosed || read - durable >= quietCommits)
  const work = async (): Promise<void> => {
    for (;;) {
      const batch = queue.oldest(batchLimit)
      const last = batch.at(-1)
      if (!last && !isWorthWriting()) return
      if (await advance(last?.sequence ?? read)) {
        queue.remove(batch.length)
        await delivery.send(batch)
      } else if (isClosed) return
      else await pause(clock, cursorRetryMs)
    }
  }
  const wake = (): void => {
    running ??= work().finally(() => {
      running = null
      // Something may have come after the last look into the queue.
      if (!isClosed && queue.length() > 0) wake()
    })
  }
  return {
    enqueue: (alerts, upTo) => {
      if (isClosed) return
      read = upTo
      queue.add(alerts)
      wake()
    },
    position: () => durable,
    status: () => ({ queued: queue.length(), dropped: queue.dropped(), ...delivery.status() }),
    retarget: delivery.retarget,
    idle: async () => {
      while (running) await running
    },
    close: async () => {
      isClosed = true
      wake()
      await Promise.race([running, pause(clock, closeMs)])
      delivery.retarget([])
    },
  }
}

/** Gives batches to every target; what one does not take is no matter of the others. */
const deliverTo = (first: readonly AlertTarget[], trouble: AlertSinkOptions['trouble']) => {
  let targets = first
  let sent = 0
  const troubles: Record<string, number> = {}
  /** Told of already: a machine without a syslog must not fill the agent's own log instead. */
  const failing = new Set<AlertTarget>()
  const sendTo = async (target: AlertTarget, batch: readonly Alert[]): Promise<void> => {
    try {
      await target.send(batch)
      failing.delete(target)
    } catch (cause) {
      troubles[target.name] = (troubles[target.name] ?? 0) + 1
      if (!failing.has(target)) trouble?.(`alerts do not get to ${target.name}`, cause)
      failing.add(target)
    }
  }
  return {
    send: async (batch: readonly Alert[]): Promise<void> => {
      if (batch.length === 0) return
      await Promise.all(targets.map((target) => sendTo(target, batch)))
      sent += batch.length
    },
    status: () => ({ sent, troubles: { ...troubles } }),
    retarget: (next: readonly AlertTarget[]): void => {
      const old = targets
      targets = next
      for (const target of old) {
        if (next.includes(target)) continue
        failing.delete(target)
        target.close()
      }
    },
  }
}
