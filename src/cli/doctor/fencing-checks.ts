/** What fencing and final actions need on this machine: programs, password files, a keepalive device. */
import { access, constants, stat } from 'node:fs/promises'
import { delimiter, isAbsolute, join } from 'node:path'
import type { Configuration, FenceDeviceConfiguration } from '../../events/configuration.ts'
import { type Finding, ok, problem, warning } from './finding.ts'

/** Null: it cannot be read. `isOpen`: others than its owner may read it. */
export type SecretFile = { readonly isOpen: boolean } | null

export type FencingLook = {
  readonly hasProgram: (name: string) => Promise<boolean>
  readonly secret: (path: string) => Promise<SecretFile>
}

/** For every device: any server may be the one that has to fence. */
export const fencingChecks = async (
  configuration: Configuration | null,
  look: FencingLook = thisMachine,
): Promise<readonly Finding[]> => {
  const fencing = configuration?.fencing
  if (!fencing || fencing.policy === 'off') return []
  const used = new Set(Object.values(fencing.levels).flat(2))
  const devices = Object.entries(fencing.devices).filter(([name]) => used.has(name))
  const findings = await Promise.all(devices.map(async ([name, device]) => await deviceChecks(name, device, look)))
  const faults = findings.flat()
  return faults.length > 0
    ? faults
    : [ok('fencing', `programs and password files of ${[...used].join(', ')} are there; baton fence test asks them`)]
}

const deviceChecks = async (
  name: string,
  device: FenceDeviceConfiguration,
  { hasProgram, secret }: FencingLook,
): Promise<readonly Finding[]> => {
  const what = `fencing ${name}`
  const findings: Finding[] = []
  const program = programOf(device)
  if (program !== null && !(await hasProgram(program)))
    findings.push(problem(what, `${program} is not on PATH: this server could not fence`, 'install its package'))
  for (const path of secretsOf(device)) {
    const found = await secret(path)
    if (found === null)
      findings.push(problem(what, `${path} cannot be read: this server could not fence`, 'put the password there'))
    else if (found.isOpen) findings.push(warning(what, `others may read ${path}`, `chmod 600 ${path}`))
  }
  return findings
}

/** The program that must be here; null for scripts. */
const programOf = (device: FenceDeviceConfiguration): string | null => {
  switch (device.type) {
    case 'ipmi':
      return 'ipmitool'
    case 'agent':
      return device.agent
    case 'vm':
      return device.through[0] ?? (device.hypervisor === 'vboxmanage' ? 'VBoxManage' : device.hypervisor)
    case 'command':
      return null
    default:
      return device satisfies never
  }
}

const secretsOf = (device: FenceDeviceConfiguration): readonly string[] => {
  if (device.type === 'ipmi') return [device.passwordFile]
  return device.type === 'agent' ? Object.values(device.secrets) : []
}

const thisMachine: FencingLook = {
  hasProgram: async (name) => {
    const places = isAbsolute(name) ? [''] : (process.env.PATH ?? '').split(delimiter)
    const found = await Promise.all(
      places.map((place) =>
        access(join(place, name), constants.X_OK).then(
          () => true,
          () => false,
        ),
      ),
    )
    return found.includes(true)
  },
  secret: async (path) => {
    try {
      await access(path, constants.R_OK)
      const { mode } = await stat(path)
      return { isOpen: (mode & 0o077) !== 0 }
    } catch {
      return null
    }
  },
}
