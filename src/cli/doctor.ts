/** `baton doctor`: the whole installation, as seen from this machine; what is not well, and what to do about it. */
import type { AgentStatus } from '../agents/control-protocol.ts'
import type { VoterKit } from '../agents/voter/voter-kit.ts'
import type { State } from '../projections/state.ts'
import { agentStatus } from './agent-client.ts'
import { type AddCommands, CommandFailed, counted, type Deps, exitCode } from './deps.ts'
import { codeOf, type Finding, type Level } from './doctor/finding.ts'
import { examples, printJson, type StateOption, withState } from './options.ts'

type DoctorOptions = StateOption & { readonly json?: boolean }

export const addDoctor: AddCommands = (program, deps) => {
  const doctor = program
    .command('doctor')
    .summary('checks the whole installation')
    .description(
      'Checks what this installation rests on: watchdog, guardian, leases, clocks, paths, ports, log servers, disk, keys. Says what is not well and what to do. Also without an agent; run it on every voter. Ends with 0 when all is well, 1 with warnings, 2 with problems.',
    )
    .option('--json', 'print JSON')
  examples(
    withState(doctor, deps),
    'baton doctor',
    'baton doctor --json | jq \'.findings[] | select(.level != "ok")\'',
  ).action(async (options: DoctorOptions) => {
    const findings = await examine(options, deps)
    if (options.json) await printJson(deps, { level: codeOf(findings), findings })
    else
      await deps.print(
        linesOf(findings, deps)
          .map((line) => `${line}\n`)
          .join(''),
      )
    const code = codeOf(findings)
    // The last line has said it.
    const message = options.json ? totalOf(findings) : ''
    if (code !== 0) throw new CommandFailed(code === 2 ? exitCode.usage : exitCode.failed, message)
  })
}

export const examine = async (options: DoctorOptions, deps: Deps): Promise<readonly Finding[]> => {
  const { agentChecks, noAgentFinding } = await import('./doctor/agent-checks.ts')
  const { safetyChecks } = await import('./doctor/safety-checks.ts')
  const { machineChecks } = await import('./doctor/machine-checks.ts')
  const { fencingChecks } = await import('./doctor/fencing-checks.ts')
  const { logServerChecks } = await import('./doctor/log-server-checks.ts')
  const { askLogServers } = await import('./doctor/ask-log-servers.ts')
  const { bootDuration, inspectMachine } = await import('./doctor/inspect-machine.ts')
  const { realWatchdogs } = await import('../world/watchdog.ts')
  const status = await statusOrWhy(options.state, deps)
  const kit = await kitOf(options.state)
  const own = 'trouble' in kit ? null : kit
  const state = 'trouble' in status ? await lastKnown(options.state) : status.state
  const configuration = state?.configuration.current ?? null
  const role = own?.own.role ?? 'server'
  return [
    ...('trouble' in status ? [noAgentFinding(status.trouble)] : agentChecks(status)),
    ...safetyChecks({
      voter: own?.own.name ?? '',
      role,
      configuration,
      status: 'trouble' in status ? null : status,
      whyNoWatchdog: realWatchdogs.whyNot,
      bootMs: await bootDuration(),
    }),
    ...(role === 'server' ? await fencingChecks(configuration) : []),
    ...(own === null ? [] : logServerChecks({ reports: await askLogServers(own, deps.now), keepers: keepersOf(own) })),
    ...machineChecks(await inspectMachine({ state: options.state, now: deps.now, kit, configuration })),
  ]
}

const statusOrWhy = async (state: string, deps: Deps): Promise<AgentStatus | { readonly trouble: string }> => {
  try {
    return await agentStatus(state, deps.signal)
  } catch (error) {
    if (error instanceof CommandFailed) return { trouble: error.message }
    throw error
  }
}

const lastKnown = async (state: string): Promise<State | null> => {
  const { snapshotOf } = await import('./status.ts')
  return await snapshotOf(`${state}/snapshot.json`)
}

const kitOf = async (state: string): Promise<VoterKit | { readonly trouble: string }> => {
  const { readVoterKit } = await import('../agents/voter/voter-kit.ts')
  const { realFiles } = await import('../world/files.ts')
  return await readVoterKit(realFiles, `${state}/kit`).catch((error: unknown) => ({
    trouble: error instanceof Error ? error.message : String(error),
  }))
}

const keepersOf = (kit: VoterKit): readonly string[] =>
  kit.identity.voters.filter(({ hasLog }) => hasLog).map(({ name }) => name)

const marks: Readonly<Record<Level, string>> = { ok: 'ok', unknown: '?', warning: 'WARNING', problem: 'PROBLEM' }
const markWidth = 9

export const linesOf = (findings: readonly Finding[], deps: Pick<Deps, 'colours'>): readonly string[] => {
  const width = Math.max(...findings.map(({ what }) => what.length)) + 2
  const { red, yellow, green, dim, bold } = deps.colours
  const paint = { ok: green, unknown: dim, warning: yellow, problem: red }
  return [
    ...findings.flatMap(({ what, level, seen, remedy }) => [
      `${paint[level](marks[level].padEnd(markWidth))}${what.padEnd(width)}${seen}`,
      ...(remedy === '' ? [] : [`${' '.repeat(markWidth + width)}→ ${remedy}`]),
    ]),
    '',
    bold(totalOf(findings)),
  ]
}

const totalOf = (findings: readonly Finding[]): string => {
  const count = (level: Level) => findings.filter((one) => one.level === level).length
  const parts = [counted(count('problem'), 'problem'), counted(count('warning'), 'warning')]
  return codeOf(findings) === 0 ? 'all is well, as far as this machine can tell' : parts.join(', ')
}
