/** A server sends each alert at most once, whatever restarts in between, while it has the same disk; and none that does not follow from the log. */
import { alertLine } from '../../agents/alerts/alert-file.ts'
import { sequence } from '../../events/index.ts'
import { catalogue, type MessageName } from '../../projections/alert-catalogue.ts'
import { alertsAfter } from '../../projections/alerts.ts'
import { places } from '../kit.ts'
import type { Invariant } from '../scene.ts'

const increment = (counts: Map<string, number>, line: string): number => {
  const count = (counts.get(line) ?? 0) + 1
  counts.set(line, count)
  return count
}

/** What the sink says of itself, about alerts that it did not send. */
const isOfTheSink = (line: string): boolean => / are missing here: they /.test(line)

/** What cannot be written to the log because that is what is lost: told by the voter itself, and due by no commit. */
const alarmNames: readonly MessageName[] = [
  'majorityLost',
  'majorityBack',
  'logAway',
  'logBack',
  'storeForeign',
  'storeAdmitted',
  'witnessAlone',
  'witnessHears',
  'witnessLogAway',
  'witnessLogBack',
  'witnessProcessDied',
  'witnessClockWrong',
  'witnessClockRight',
  'witnessCertificateEnding',
  'witnessCertificateRenewed',
]
const storeId = /"store":"([^"]*)"/
const alarms = alarmNames.map((name) => {
  const { module, id } = catalogue[name]
  return ` ${`${module}/${id}`.padEnd(6)} `
})
const isAlarm = (line: string): boolean => alarms.some((mark) => line.includes(mark))

export const singleAlerts: Invariant = {
  name: 'alerts are sent at most once',
  watch: ({ violate }) => {
    /** Two resources of one name may fail in one commit: then a line is due twice. */
    const due = new Map<string, number>()
    const sent = new Map<string, Map<string, number>>()
    const stores = new Map<string, string>()
    return {
      committed: (recorded, before) => {
        const alerts = alertsAfter(sequence(recorded.position.sequence - 1), { commits: [recorded], before })
        for (const alert of alerts) increment(due, alertLine(alert))
      },
      wrote: (host, path, content) => {
        if (path === places.voterStore) {
          const store = storeId.exec(content)?.[1] ?? ''
          if (stores.get(host) !== store) sent.delete(host)
          stores.set(host, store)
        }
        if (path !== places.alerts) return
        const known = sent.get(host) ?? new Map<string, number>()
        sent.set(host, known)
        for (const line of content.split('\n')) {
          if (line === '' || isOfTheSink(line)) continue
          const count = increment(known, line)
          if (count > (isAlarm(line) ? 1 : (due.get(line) ?? 0)))
            violate(`${host} sends an alert once too often: ${line}`)
        }
      },
    }
  },
}
