import type { Command } from 'commander'
import { expect, test } from 'vitest'
import type { Deps } from '../../../src/cli/deps.ts'
import { programOf } from '../../../src/cli/run.ts'
import { runCli } from '../../golden/command-line.ts'

const introduction = `# The command line

\`baton\` works on the machine it is called on: it asks the agent of that machine, over the socket
\`<state>/run/control.sock\`. Every server answers everything. What the agent answers may be old when the server is cut
off; it says how old. Commands that read take \`--file\` instead, and then need neither agent nor cluster: an export
(\`baton log export\`) holds everything that was decided, so it is all that a post-mortem needs. A file that is damaged, cut
off or no export is bad input (2), and named with the line.

Where to begin:

| question | command |
|---|---|
| What is going on? | \`baton status\`, \`baton status --watch\` |
| Why is this group where it is? | \`baton why GROUP\` |
| Where would it go? | \`baton group explain GROUP\` |
| What needs attention? | \`baton alerts\` |
| What was it like at three in the morning? | \`baton log replay --at "2026-01-02 03:00"\` |
| What changed between then and now? | \`baton log replay --diff "2026-01-02 03:00" -1s\` |

A command that changes something reports its progress until the cluster has settled. A refusal changes nothing, and
says why and what would make it possible. What stops a server or the cluster, what may lose data and what is a person's
word for something asks first, or takes \`--yes\`; what would be refused anyway is refused without a question. Single
groups and resources are stopped without a question.

Moments are a sequence of the log (\`1043\`), a local time (\`"2026-01-02 03:04:05"\`), a UTC time
(\`2026-01-02T03:04:05Z\`), or a while ago (\`-10m\`). The state at a time is that before the first commit that says it is
later.

This page is what \`--help\` prints; a test keeps it so.
`

const fakeDeps = (): Deps => {
  const never = () => expect.fail('only help is asked for')
  const signal = new AbortController().signal
  const colours = { bold: String, dim: String, red: String, green: String, yellow: String, cyan: String }
  return {
    print: never,
    complain: never,
    isTerminal: false,
    size: () => ({ columns: 100, rows: 40 }),
    colours,
    confirm: never,
    user: '',
    defaultState: '/var/lib/baton',
    now: never,
    zoneMs: never,
    signal,
  }
}

/** Paths of all commands that can be run, in the order of the help. */
const leavesOf = (command: Command, path: readonly string[]): readonly (readonly string[])[] =>
  command.commands.length === 0 ? [path] : command.commands.flatMap((inner) => leavesOf(inner, [...path, inner.name()]))

const helpOf = async (path: readonly string[]): Promise<string> => {
  const { code, out } = await runCli([...path, '--help'], { defaultState: '/var/lib/baton' })
  expect(code).toBe(0)
  return out.trimEnd()
}

test('docs/cli.md is what --help says', async () => {
  const sections = [introduction, `\`\`\`text\n${await helpOf([])}\n\`\`\`\n`]
  for (const path of leavesOf(programOf(fakeDeps()), []))
    sections.push(`## baton ${path.join(' ')}\n\n\`\`\`text\n${await helpOf(path)}\n\`\`\`\n`)
  await expect(sections.join('\n')).toMatchFileSnapshot('../../../docs/cli.md')
})

test('the help of every command has examples', async () => {
  const started = [['guardian']]
  for (const path of leavesOf(programOf(fakeDeps()), []))
    if (!started.some((one) => one.join() === path.join()))
      expect(await helpOf(path), path.join(' ')).toContain('Examples:\n  $ baton')
})
