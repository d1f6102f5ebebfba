/** Takes what monitors find: records the change, and takes the next step of a recovery, its script first. */
import type { Decision, Facts } from '../decisions/decision.ts'
import { judgeMonitor } from '../decisions/judge-monitor.ts'
import type { Event, Instant, MonitorName, ServerName } from '../events/index.ts'
import { monitorOn } from '../projections/monitors.ts'
import type { State } from '../projections/state.ts'
import type { World } from '../world/world.ts'
import type { Recorder } from './log/recorder.ts'
import type { Finding, MonitorRunnerOptions } from './monitor-runner.ts'
import { commandOfScript } from './script.ts'

export type JudgeParts = {
  readonly me: ServerName
  readonly recorder: Recorder
  readonly monitors: Pick<MonitorRunnerOptions, 'logDirectory' | 'environment'>
  readonly facts: () => Facts
  readonly wake: () => void
}

export type MonitorJudge = Pick<MonitorRunnerOptions, 'found' | 'delayed'>

export const monitorJudge = (world: World, { me, recorder, monitors, facts, wake }: JudgeParts): MonitorJudge => {
  const normalSince = new Map<MonitorName, Instant>()
  const scriptsRunning = new Set<MonitorName>()

  const normalMs = ({ monitor, verdict }: Finding): number => {
    const now = world.clock.now()
    if (verdict !== 'normal') normalSince.delete(monitor)
    else if (!normalSince.has(monitor)) normalSince.set(monitor, now)
    return now - (normalSince.get(monitor) ?? now)
  }
  const judge = (monitor: MonitorName, decide: (state: State) => Decision | null): void =>
    void recorder.submit(`judge ${monitor}`, decide).then(wake)

  /** The script that comes before each step of a recovery; whatever becomes of it, the step is taken. */
  const runScript = async (script: string, { monitor, configuration }: Finding): Promise<void> => {
    const path = `${monitors.logDirectory}/${monitor}.recovery`
    const because = await commandOfScript(world, { text: script, path, user: undefined })
      .then((command) =>
        world.processes.run(command, {
          timeoutMs: configuration.timeout,
          environment: monitors.environment(monitor),
          logFile: `${path}.log`,
        }),
      )
      .then(({ code, timedOut }) => (timedOut ? 'the script took too long' : `the script ended with ${code}`))
      .catch((trouble: unknown) => `the script could not be run: ${String(trouble)}`)
    const count = monitorOn(recorder.state().monitors, monitor, me).taken.script + 1
    const ran: Event = {
      type: 'RecoveryStarted',
      data: { monitor, server: me, group: null, action: 'script', count, limit: count, because },
    }
    await recorder.submit(`script of ${monitor}`, () => ({ events: [ran], because: {}, causedBy: null }))
  }

  return {
    found: (finding) => {
      const { monitor, configuration } = finding
      const healthyMs = normalMs(finding)
      const decide = (state: State) => judgeMonitor(state, { ...finding, normalMs: healthyMs }, facts())
      const decision = decide(recorder.state())
      if (decision === null) return
      const { script } = configuration.recovery
      const isRecovery = decision.events.some((event) => event.type === 'RecoveryStarted')
      if (!isRecovery || script === undefined) return judge(monitor, decide)
      if (scriptsRunning.has(monitor)) return
      scriptsRunning.add(monitor)
      void runScript(script, finding).finally(() => {
        scriptsRunning.delete(monitor)
        judge(monitor, decide)
      })
    },
    delayed: (monitor, elapsedMs, timeoutMs) => {
      const delayed: Event = { type: 'MonitorDelayed', data: { monitor, server: me, elapsedMs, timeoutMs } }
      void recorder.submit(`delayed ${monitor}`, () => ({ events: [delayed], because: {}, causedBy: null }))
    },
  }
}
