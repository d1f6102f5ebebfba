/** What was wrong with the log cannot be written to it before it is right again: kept until then, and told after. */
import type { Event, ServerName } from '../../events/index.ts'
import type { Recorder } from './recorder.ts'

export const logTroubleWatch = ({
  me,
  recorder,
  note,
}: {
  readonly me: ServerName
  readonly recorder: Pick<Recorder, 'trouble'>
  readonly note: (event: Event) => void
}): (() => void) => {
  let kept: string | null = null
  return () => {
    const trouble = recorder.trouble()
    if (trouble !== null) kept = `${trouble.trouble}${'at' in trouble ? ` at ${trouble.at}` : ''}`
    else if (kept !== null) {
      note({ type: 'LogTroubleSeen', data: { server: me, trouble: kept } })
      note({ type: 'LogRepaired', data: { server: me } })
      kept = null
    }
  }
}
