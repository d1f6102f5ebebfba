/** `baton mirror …`: the two copies of a mirror disk, and what can be done about them. */
import { InvalidArgumentError, type Command as Subcommand } from 'commander'
import type { InitialCopy } from '../events/mirror.ts'
import type { Command } from '../events/operator.ts'
import type { State } from '../projections/state.ts'
import { agentStatus } from './agent-client.ts'
import { type AddCommands, CommandFailed, type Deps, exitCode } from './deps.ts'
import type { Planes } from './mirror-planes.ts'
import { addStatistics } from './mirror-statistics.ts'
import { maybeServer, mirrorNamed, serverNamed } from './names.ts'
import { examples, printJson, type ReadOptions, reading, withSource, zoneOf } from './options.ts'
import { changing, dangerous, mustConfirmPossible, type SendOptions, send } from './send.ts'

export const addMirror: AddCommands = (program, deps) => {
  const mirror = program.command('mirror').summary('mirror disks: status, resync, force, verify, split')
  mirror.description('Shows and operates mirror disks. A mirror is called group.resource.')
  addStatus(mirror, deps)
  addStatistics(mirror, deps)
  addInit(mirror, deps)
  addResync(mirror, deps)
  addForce(mirror, deps)
  for (const [word, verb, description] of plain) {
    const command = mirror.command(`${word} <mirror>`).description(description)
    examples(changing(command, deps), `baton mirror ${word} web.data`).action(
      async (name: string, options: SendOptions) => await send({ do: verb, mirror: mirrorNamed(name) }, options, deps),
    )
  }
  addReplaceDisk(mirror, deps)
}

const plain = [
  ['break', 'break-mirror', 'The active server goes on alone, and the sides do not connect until `connect`.'],
  ['connect', 'connect-mirror', 'Lets the sides connect again after `break`; what differs is copied.'],
  ['verify', 'verify-mirror', 'Compares both copies by checksums while the service runs; copies nothing.'],
  ['split', 'split-mirror', 'Takes the copy of the standby off, consistent, for a backup.'],
  ['rejoin', 'rejoin-mirror', 'Ends `split`: what was written meanwhile is copied to it.'],
  [
    'resize',
    'resize-mirror',
    'Takes in what was added to both data partitions, while the group runs: the mirror grows, then its file system.',
  ],
] as const

type StatusOptions = ReadOptions & { readonly watch?: boolean }

const addStatus = (mirror: Subcommand, deps: Deps): void => {
  const status = mirror
    .command('status [mirror]')
    .description(
      'Shows both copies of every mirror disk: which is current, what the other lacks, how far a resync is; and what the ' +
        'data plane of this server says now: the network in use, its round trip, what is not on the other side yet, and the ' +
        'networks on which it cannot be reached.',
    )
    .option('-w, --watch', 'show it again whenever it changes, until Ctrl-C')
  examples(reading(status, deps), 'baton mirror status', 'baton mirror status web.data --watch').action(
    async (name: string | undefined, options: StatusOptions) => {
      const { watchLines } = await import('./watching.ts')
      if (options.watch) await watchLines(deps, () => linesOf(name, options, deps))
      else if (options.json) await printJson(deps, await facts(name, options, deps))
      else await deps.print(`${(await linesOf(name, options, deps)).join('\n')}\n`)
    },
  )
}

const linesOf = async (name: string | undefined, options: ReadOptions, deps: Deps): Promise<readonly string[]> => {
  const { state, planes, doubt } = await known(options, deps)
  const { mirrorLines } = await import('./mirror-lines.ts')
  const look = { colours: deps.colours, zone: zoneOf(options, deps), planes }
  const lines = mirrorLines(state, await namesIn(state, name), look)
  return doubt === null ? lines : [deps.colours.yellow(`! ${doubt}`), '', ...lines]
}

const facts = async (name: string | undefined, options: ReadOptions, deps: Deps): Promise<unknown> => {
  const { state, planes } = await known(options, deps)
  const [{ lackingOn }, { mirrorObjection }, { constructedMirror, pairOf }, { deafnessOf, mirrorIn, networkOf }] =
    await Promise.all([
      import('../projections/mirror-sides.ts'),
      import('../decisions/mirror-fitness.ts'),
      import('../decisions/mirror-pair.ts'),
      import('./mirror-planes.ts'),
    ])
  return (await namesIn(state, name)).map((one) => {
    const mirror = constructedMirror(state, one)
    const servers = pairOf(state, one).map((server) => [
      server,
      { notFit: mirrorObjection(state, one, server), lacks: mirror && lackingOn(mirror, server) },
    ])
    const said = mirrorIn(planes, one)
    const connects = planes &&
      said && { network: networkOf(state, planes, said), deafAt: deafnessOf(state, planes, said) }
    const here = planes && said ? { server: planes.server, ...connects, ...said } : null
    return { name: one, mirror, servers: Object.fromEntries(servers), here }
  })
}

const namesIn = async (state: State, name: string | undefined): Promise<readonly string[]> => {
  const { mirrorNames } = await import('./mirror-lines.ts')
  const all = mirrorNames(state)
  if (name === undefined) return all
  if (all.includes(name)) return [name]
  const there = all.length === 0 ? 'there is none' : `one of: ${all.join(', ')}`
  throw new CommandFailed(exitCode.usage, `there is no mirror ${name}`, there)
}

/** An exported log says nothing of data planes. */
const known = async (
  options: ReadOptions,
  deps: Deps,
): Promise<{ readonly state: State; readonly planes: Planes | null; readonly doubt: string | null }> => {
  if (options.file === undefined) {
    const status = await agentStatus(options.state, deps.signal)
    const [{ planesOf }, { outOfTouch }] = await Promise.all([
      import('./mirror-planes.ts'),
      import('./out-of-touch.ts'),
    ])
    return { state: status.state, planes: planesOf(status), doubt: outOfTouch(status) }
  }
  const { replay } = await import('./log-source.ts')
  return { state: await withSource(options, deps, (source) => replay(source, null)), planes: null, doubt: null }
}

type InitOptions = SendOptions & { readonly from?: string; readonly initial?: InitialCopy }

/** As `initialCopies` of the events, which load the schemas, which takes longer than the command. */
const initialCopies: readonly InitialCopy[] = ['full', 'used', 'none']

const initialOf = (text: string): InitialCopy => {
  const found = initialCopies.find((one) => one === text)
  if (found === undefined) throw new InvalidArgumentError(`one of ${initialCopies.join(', ')}`)
  return found
}

const addInit = (mirror: Subcommand, deps: Deps): void => {
  const init = mirror
    .command('init <mirror>')
    .description('Makes a mirror of two partitions, once: what the other server has on its data partition is lost.')
    .option('--from <server>', 'the server that has the data; otherwise the one that runs the group, or its home')
    .option('--initial <copy>', 'full, used, or none: both are equal already; otherwise as configured', initialOf)
  examples(dangerous(init, deps), 'baton mirror init web.data --from s1').action(
    async (name: string, options: InitOptions) => {
      const target = options.from === undefined ? 'the other server' : `every server but ${options.from}`
      const command: Command = {
        do: 'init-mirror',
        mirror: mirrorNamed(name),
        from: maybeServer(options.from),
        initial: options.initial ?? null,
      }
      const question = `Make a mirror of ${name}? What is on its data partition of ${target} is lost.`
      await mustConfirmPossible({ of: command, question }, options, deps)
      await send(command, options, deps)
    },
  )
}

const addResync = (mirror: Subcommand, deps: Deps): void => {
  const resync = mirror
    .command('resync <mirror>')
    .description('Brings the stale copy up, where that is not done by itself; goes on where it was interrupted.')
    .option('--full', 'everything is copied, whatever is known to be equal')
  examples(changing(resync, deps), 'baton mirror resync web.data', 'baton mirror resync web.data --full').action(
    async (name: string, options: SendOptions & { readonly full?: boolean }) =>
      await send({ do: 'resync-mirror', mirror: mirrorNamed(name), full: options.full === true }, options, deps),
  )
}

/** What is lost is said by the same words that go to the log. */
const addForce = (mirror: Subcommand, deps: Deps): void => {
  const force = mirror
    .command('force <mirror> <server>')
    .description(
      'Makes the copy of a server the current one although it may lack acknowledged writes. Says what is lost, and asks.',
    )
  examples(dangerous(force, deps), 'baton mirror force web.data s2').action(
    async (name: string, server: string, options: SendOptions) => {
      const command: Command = { do: 'force-mirror', mirror: mirrorNamed(name), server: serverNamed(server) }
      const question = () => forceQuestion(name, server, options, deps)
      await mustConfirmPossible({ of: command, question }, options, deps)
      await send(command, options, deps)
    },
  )
}

const forceQuestion = async (name: string, server: string, { state }: SendOptions, deps: Deps): Promise<string> => {
  const { state: now } = await agentStatus(state, deps.signal)
  const [{ lossInWords }, { constructedMirror }] = await Promise.all([
    import('../decisions/operate-mirror.ts'),
    import('../decisions/mirror-pair.ts'),
  ])
  const mirror = constructedMirror(now, name)
  const lost = mirror === null ? 'the log knows nothing of it' : lossInWords(now, mirror, server)
  return `Make the copy of ${server} the current one of ${name}? Given up for good: ${lost}.`
}

const addReplaceDisk = (mirror: Subcommand, deps: Deps): void => {
  const replace = mirror
    .command('replace-disk <mirror> <server>')
    .description('Takes in a new disk of a server: its cluster partition is formatted, and everything is copied to it.')
  examples(dangerous(replace, deps), 'baton mirror replace-disk web.data s2').action(
    async (name: string, server: string, options: SendOptions) => {
      const command: Command = { do: 'replace-mirror-disk', mirror: mirrorNamed(name), server: serverNamed(server) }
      const question = `Take in a new disk of ${server} in ${name}? What is on it is overwritten.`
      await mustConfirmPossible({ of: command, question }, options, deps)
      await send(command, options, deps)
    },
  )
}
