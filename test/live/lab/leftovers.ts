import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { removeGroupsOfDeadHosts } from './control-groups.ts'
import { detachLoopDevice, loopDevicesBelow } from './loop-device.ts'

/** `baton-lab-OWNER-STARTED-XXXXXX`: the owner's number alone could belong to another process by now. */
const labName = /^baton-lab-(\d+)-(\d+)-/

/** A lab's directory: states, logs and disks. Its name says whose it is. */
export const makeLabDirectory = (): string =>
  mkdtempSync(join(tmpdir(), `baton-lab-${process.pid}-${startOf(process.pid)}-`))

/**
 * Removes what labs of dead owners left. That is files and loop devices: their processes, and with them namespaces,
 * bridges and mounts, end by themselves when the owner does.
 */
export const removeLeftovers = (): void => {
  removeGroupsOfDeadHosts()
  for (const name of readdirSync(tmpdir())) {
    const [, owner, started] = labName.exec(name) ?? []
    if (owner === undefined || startOf(Number(owner)) === started) continue
    const directory = join(tmpdir(), name)
    for (const device of loopDevicesBelow(directory)) detachLoopDevice(device)
    rmSync(directory, { recursive: true, force: true })
  }
}

/** When a process began, in ticks since the machine did; undefined when there is none. */
const startOf = (pid: number): string | undefined => {
  try {
    const status = readFileSync(`/proc/${pid}/stat`, 'utf8')
    // The name, in parentheses, may hold anything; the start is the 20th field after it.
    return status.slice(status.lastIndexOf(')') + 2).split(' ')[19]
  } catch {
    return undefined
  }
}
