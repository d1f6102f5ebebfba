/** What there is to tell of events of the streams `cluster` and `operator`. */
import type { ClusterEvent, OperationId, OperatorEvent } from '../events/index.ts'
import { authorInWords, listed } from './alert-words.ts'
import type { Scene, Told } from './alerts.ts'
import { describeCommand, durationInWords } from './wording.ts'

export const tellCluster = ({ type, data }: ClusterEvent, { before, moment }: Scene): readonly Told[] => {
  const by = authorInWords(moment.by)
  const told = (name: Told['name'], ...values: readonly string[]): readonly Told[] => [{ name, server: null, values }]
  switch (type) {
    case 'ClusterCreated':
      return told('clusterCreated', data.cluster)
    case 'ConfigurationApplied':
      return told('configurationApplied', String(data.version), by, data.note || 'no note')
    case 'ClusterSuspended':
      return before.cluster.suspended ? [] : told('clusterSuspended', by)
    case 'ClusterResumed':
      return before.cluster.suspended ? told('clusterResumed', by) : []
    case 'ClusterStopping':
      return before.cluster.stopped ? [] : told('clusterStopping', by)
    case 'ClusterStarted':
      return before.cluster.stopped ? told('clusterStarted', by) : []
    case 'StartSyncEnded':
      return data.missing.length === 0 ? [] : told('startedIncomplete', listed(data.missing), data.because)
    case 'VotersChanging':
      return told('votersChanging', listed(data.from), listed(data.to), by)
    case 'VotersChanged':
      return told('votersChanged', listed(data.voters))
    case 'VotersChangeAbandoned':
      return told('votersChangeAbandoned', listed(data.voters), by)
    case 'TimeoutStretched':
      return told('timeoutStretched', String(data.ratio), durationInWords(data.forMs), by)
    case 'TimeoutStretchEnded':
      return told('timeoutStretchEnded', data.because)
    default:
      return type satisfies never
  }
}

export const tellOperation = ({ type, data }: OperatorEvent, { before, moment }: Scene): readonly Told[] => {
  const by = authorInWords(moment.by)
  switch (type) {
    case 'OperationRequested':
      return [{ name: 'operationRequested', server: data.from, values: [by, data.from, describeCommand(data.command)] }]
    case 'OperationRefused': {
      const { what, who, from } = asked(before, data.operation)
      const values = [what, data.because, `requested by ${who || by}`, data.possible || 'nothing']
      return [{ name: 'operationRefused', server: from, values }]
    }
    case 'OperationFinished': {
      // What was done tells for itself.
      if (data.outcome === 'done') return []
      const { what, who, from } = asked(before, data.operation)
      const name = data.outcome === 'failed' ? 'operationFailed' : 'operationTimedOut'
      return [{ name, server: from, values: [who || by, what, data.detail || 'no detail'] }]
    }
    case 'ServerStopOrdered':
      return data.because === undefined
        ? [{ name: 'serverStopOrdered', server: data.server, values: [data.server, by] }]
        : [{ name: 'serverStopsItself', server: data.server, values: [data.server, data.because] }]
    case 'ServerStartOrdered':
      return [{ name: 'serverStartOrdered', server: data.server, values: [data.server, by] }]
    default:
      return type satisfies never
  }
}

/** The request itself; a refusal may be all there is of it. */
const asked = ({ operations }: Scene['before'], id: OperationId) => {
  const found = operations.findLast((operation) => operation.id === id)
  return {
    what: found ? describeCommand(found.command) : `operation ${id}`,
    who: found ? authorInWords(found.by) : '',
    from: found?.from ?? null,
  }
}
