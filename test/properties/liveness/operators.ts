/** What people do to the cluster meanwhile: they change T and the voters, move groups about, re-admit voters. */
import type { Decision, Facts } from '../../../src/decisions/decision.ts'
import { type Event, operationId, type ServerName } from '../../../src/events/index.ts'
import type { State } from '../../../src/projections/state.ts'
import { Ground } from './ground.ts'
import { configurationOf, faultsMs, groups, type Machine, timeouts } from './machine.ts'
import type { Rules } from './rules.ts'

export abstract class Operators extends Ground {
  /** Somebody changes T, or who votes, on the living cluster. */
  reconfigure(state: State): Decision | null {
    const { configuration, cluster } = state
    if (this.timeline.now > faultsMs) return null
    const version = configuration.version + 1
    const one = (...events: readonly [Event, ...Event[]]): Decision => ({ events, because: {}, causedBy: null })
    const { heartbeat } = configuration.current ?? {}
    if (this.chance.happens(this.changes.voters)) {
      const to = this.chance.oneOf(this.electorates())
      const changed = configurationOf(this.size, this.rho, {
        timeoutMs: heartbeat?.timeout,
        voters: to,
        keep: this.keep,
      })
      const voting = this.rules.changeVoters(state, changed)
      if ('refused' in voting || voting.length === 0) return null
      return one(
        { type: 'ConfigurationApplied', data: { version, configuration: changed, source: '', note: '' } },
        ...voting,
      )
    }
    if (!this.chance.happens(this.changes.timing)) return null
    if (this.chance.happens(0.7)) {
      const changed = configurationOf(this.size, this.rho, {
        timeoutMs: this.chance.oneOf(timeouts),
        voters: configuration.current?.voters,
        keep: this.keep,
      })
      return one({ type: 'ConfigurationApplied', data: { version, configuration: changed, source: '', note: '' } })
    }
    return cluster.stretch === null
      ? one({ type: 'TimeoutStretched', data: { ratio: 3, forMs: 1000 } })
      : one({ type: 'TimeoutStretchEnded', data: { because: '' } })
  }

  /** Lists of 1, 3 or 5 of the machines. */
  electorates(): readonly (readonly string[])[] {
    const names = this.machines.map(({ name }) => name)
    const singles = names.map((name) => [name])
    const triples = names.flatMap((a, i) =>
      names.slice(i + 1).flatMap((b, j) => names.slice(i + j + 2).map((c) => [a, b, c])),
    )
    return [...singles, ...triples, ...triples, ...(names.length === 5 ? [names, names, names] : [])]
  }

  /** Somebody moves groups about … */
  operator(m: Machine, state: State, facts: Facts): Decision | null {
    if (this.timeline.now > faultsMs || !this.chance.happens(0.02)) return null
    const to = this.chance.oneOf(this.machines.filter(({ isServer }) => isServer)).name as ServerName
    const command = { do: 'move-group', group: this.chance.oneOf(groups), server: to } as const
    const moved = this.rules.operate(state, this.request(m, command), facts)
    return moved.events.some(({ type }) => type === 'OperationRefused' || type === 'OperationFinished') ? null : moved
  }

  /** … and re-admits voters that lost their disk: soon after the faults at the latest, on any agent that hears them. */
  readmit(m: Machine, state: State, facts: Facts): Decision | null {
    const request = this.request(m, { do: 'readmit-voter', voter: m.name })
    const wiped = this.machines.find(
      ({ name, disk, hasAgent }) =>
        hasAgent && state.servers.admitted[name] !== disk.store && request.stores[name] === disk.store,
    )
    if (!wiped || this.chance.happens(this.timeline.now > faultsMs ? 0.5 : 0.99)) return null
    return this.rules.operate(state, { ...request, command: { do: 'readmit-voter', voter: wiped.name } }, facts)
  }

  request(m: Machine, command: Parameters<Rules['operate']>[1]['command']) {
    const heard = Object.entries(m.l.heard).map(([voter, { store }]) => [voter, store] as const)
    const stores = { ...Object.fromEntries(heard), [m.name]: m.disk.store }
    return { operation: operationId(`o${this.ids}`), command, from: m.name, stores }
  }
}
