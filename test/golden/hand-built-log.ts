/** Logs built by hand, commit after commit, for golden and command tests. */
import { hash as digestOf } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { formatHeader, formatRecorded } from '../../src/events/exported-log.ts'
import {
  type Author,
  type BatonEvent,
  commitId,
  decodeCommit,
  encodeCommit,
  type Hash,
  hash,
  type Recorded,
  type Sequence,
  sequence,
  storedConfiguration,
  wallTime,
} from '../../src/events/index.ts'
import { fold, initialState, type State } from '../../src/projections/state.ts'

export const digest = (bytes: string): Hash => hash(digestOf('sha256', bytes, 'base64url'))

/** 2026-01-02 03:04:05.000 UTC. */
const dawn = Date.UTC(2026, 0, 2, 3, 4, 5)

type Plain<T> = T extends string
  ? string
  : T extends number
    ? number
    : T extends object
      ? { [K in keyof T]: Plain<T[K]> }
      : T
/** An event with plain strings and numbers for its names and counts. */
export type PlainEvent = BatonEvent extends infer E ? (E extends BatonEvent ? Plain<E> : never) : never

export type Entry = {
  /** Since the one before. */
  readonly afterMs: number
  readonly by: Author
  readonly events: readonly PlainEvent[]
  readonly causedBy?: Sequence | null
  readonly because?: Readonly<Record<string, unknown>>
}

export class HandBuiltLog {
  readonly records: Recorded[] = []
  #at = dawn

  /** Answers its sequence, for `causedBy` and epochs. */
  record({ afterMs, by, events, causedBy = null, because = {} }: Entry): Sequence {
    this.#at += afterMs
    const number = sequence(this.records.length + 1)
    const previous = this.records.at(-1)?.position.hash ?? hash('')
    const commit = { id: commitId(`c${number}`), by, at: wallTime(this.#at), causedBy, because, events, previous }
    // Through the codec, which makes real events of plain ones.
    const decoded = decodeCommit(JSON.stringify(commit))
    const bytes = encodeCommit(decoded.commit, previous)
    this.records.push({ position: { sequence: number, hash: digest(bytes) }, previous, bytes, commit: decoded.commit })
    return number
  }

  state(): State {
    return fold(initialState, this.records)
  }

  lines(): readonly string[] {
    return [formatHeader('demo'), ...this.records.map(formatRecorded)]
  }

  write(path: string): void {
    writeFileSync(path, `${this.lines().join('\n')}\n`)
  }
}

export const source = `cluster: demo
servers:
  - name: s1
    addresses: { lan: 10.0.0.1, public: 192.0.2.1 }
  - name: s2
    addresses: { lan: 10.0.0.2, public: 192.0.2.2 }
witness:
  name: w
  addresses: { lan: 10.0.0.3 }
groups:
  web:
    servers: [s1, s2]
    resources:
      address: { type: fip, address: 10.0.0.100 }
      httpd: { type: exec, start: exec /usr/sbin/httpd -DFOREGROUND, after: [address] }
  db:
    servers: [s2, s1]
    startup: manual
    resources:
      pg: { type: exec, start: exec postgres }
monitors:
  httpw:
    type: genw
    script: curl -fsS http://10.0.0.100/
    target: { group: web, resource: httpd }
    recovery: { restarts: 2 }
`

export const configuration = storedConfiguration.parse({
  cluster: 'demo',
  servers: [
    { name: 's1', addresses: { lan: '10.0.0.1', public: '192.0.2.1' } },
    { name: 's2', addresses: { lan: '10.0.0.2', public: '192.0.2.2' } },
  ],
  witness: { name: 'w', addresses: { lan: '10.0.0.3' } },
  groups: {
    web: {
      servers: ['s1', 's2'],
      resources: {
        address: { type: 'fip', address: '10.0.0.100' },
        httpd: { type: 'exec', start: 'exec /usr/sbin/httpd -DFOREGROUND', after: ['address'] },
      },
    },
    db: { servers: ['s2', 's1'], startup: 'manual', resources: { pg: { type: 'exec', start: 'exec postgres' } } },
  },
  monitors: {
    httpw: {
      type: 'genw',
      script: 'curl -fsS http://10.0.0.100/',
      target: { group: 'web', resource: 'httpd' },
      recovery: { restarts: 2 },
    },
  },
})
