/** A kernel of its own, as a plain process (user-mode Linux): for what this machine's kernel lacks. */
import { spawn } from 'node:child_process'
import { existsSync, readdirSync, realpathSync, writeFileSync } from 'node:fs'
import { delimiter, dirname, join } from 'node:path'

const kernel = 'linux.uml'
/** Below it: the host's tree, or that of a package which was unpacked privately, beside its wrappers. */
const rootOf = (program: string): string => (dirname(program).endsWith('wrappers') ? dirname(dirname(program)) : '/')

/** Where the file of a module of the guest's kernel is; null when there is none. */
export const guestModule = (name: string): string | null => {
  for (const folder of (process.env.PATH ?? '').split(delimiter)) {
    if (!existsSync(join(folder, kernel))) continue
    const modules = join(rootOf(realpathSync(join(folder, kernel))), 'usr/lib/uml/modules')
    if (!existsSync(modules)) return null
    const found = readdirSync(modules, { recursive: true, encoding: 'utf8' }).find((path) =>
      path.endsWith(`/${name}.ko`),
    )
    return found === undefined ? null : join(modules, found)
  }
  return null
}

export type Guest = {
  /** The only one of the host's that can be written to inside. */
  readonly folder: string
  /** What it does at each start of its kernel; then it switches itself off. */
  readonly command: readonly string[]
  readonly timeoutMs: number
}

/** Its own part of memory; the rest of the machine's is not touched. */
const memoryMib = 512

/**
 * A kernel is several processes here: in a process namespace of its own, they all end with whoever waits for it. The shell
 * is the first one there, since a kernel that is could not end itself.
 */
const untilWeEnd = [
  ...['--pdeathsig', 'KILL', '--', 'unshare', '--pid', '--fork', '--kill-child', '--'],
  // One that panics ends with a signal, and leaves nothing behind.
  ...['sh', '-c', 'ulimit -c 0; "$@"; exit', 'sh'],
]

/** Boots on the host's file system, read-only; answers what it said on its console once it is off, or has panicked. */
export const runGuest = async ({ folder, command, timeoutMs }: Guest): Promise<string> => {
  const init = join(folder, 'init')
  writeFileSync(init, initOf({ folder, command, timeoutMs }), { mode: 0o755 })
  const options = ['rootfstype=hostfs', 'rootflags=/', 'ro', `mem=${memoryMib}M`, `init=${init}`, `uml_dir=${folder}/`]
  // The console is what this process reads; nobody types there.
  const child = spawn('setpriv', [...untilWeEnd, kernel, ...options, 'con=null', 'con0=null,fd:1', 'quiet'], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, TMPDIR: folder },
  })
  let said = ''
  for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', (text) => (said += text))
  const tooLong = setTimeout(() => child.kill('SIGKILL'), timeoutMs)
  const isBooted = await new Promise<boolean>((resolve) => {
    child.once('error', () => resolve(false))
    child.once('close', () => resolve(true))
  })
  clearTimeout(tooLong)
  return isBooted ? said : `${kernel} cannot be started; ${said}`
}

const quoted = (word: string): string => `'${word.replaceAll("'", "'\\''")}'`

const initOf = ({ folder, command }: Guest): string => `#!/bin/sh
export PATH=${quoted(process.env.PATH ?? '')} HOME=/run TMPDIR=/run
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t tmpfs run /run
mount -t hostfs -o ${quoted(folder)} host ${quoted(folder)}
ip link set lo up
${command.map(quoted).join(' ')}
echo o >/proc/sysrq-trigger
# A kernel whose first program ends says so at length.
sleep 60
`
