/** The product's processes on a host, found as the machine sees them: by namespace and command line. */
import { readdirSync, readFileSync, readlinkSync } from 'node:fs'
import type { Host } from '../lab/host.ts'

export type Role = 'agent' | 'witness' | 'guardian' | 'log server'

const looks: Readonly<Record<Role, (words: readonly string[]) => boolean>> = {
  agent: (words) => isProgram(words, 'agent'),
  witness: (words) => isProgram(words, 'witness'),
  guardian: (words) => isProgram(words, 'guardian'),
  'log server': (words) => words[0]?.endsWith('nats-server') === true && words.includes('--config'),
}

const isProgram = (words: readonly string[], command: string): boolean =>
  words[1]?.endsWith('cli/main.js') === true && words[2] === command

/** The pids of a role on a host that is on, as the machine sees them. */
export const pidsOf = async (host: Host, role: Role): Promise<readonly number[]> => {
  const namespace = (await host.ok(['readlink', '/proc/self/ns/pid'])).trim()
  return pidsIn(namespace).filter((pid) => looks[role](wordsOf(pid)))
}

/** Processes of the host whose command line passes. */
export const pidsWith = async (host: Host, test: (commandLine: string) => boolean): Promise<readonly number[]> => {
  const namespace = (await host.ok(['readlink', '/proc/self/ns/pid'])).trim()
  return pidsIn(namespace).filter((pid) => test(wordsOf(pid).join(' ')))
}

const pidsIn = (namespace: string): readonly number[] =>
  readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((pid) => namespaceOf(pid) === namespace)

const namespaceOf = (pid: number): string => {
  try {
    return readlinkSync(`/proc/${pid}/ns/pid`)
  } catch {
    return ''
  }
}

const wordsOf = (pid: number): readonly string[] => {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0')
  } catch {
    return []
  }
}
