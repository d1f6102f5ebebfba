import { constants } from 'node:fs'
import { open, readdir, readFile, stat } from 'node:fs/promises'
import { allPids, identityOf } from './process-table.ts'
import type { Devices, ProcessIdentity } from './world.ts'

const deviceOf = async (path: string): Promise<number | null> => {
  try {
    return (await stat(path)).dev
  } catch {
    // Gone in between, or not ours to look at.
    return null
  }
}

/** O_EXCL without O_CREAT asks the kernel for the block device exclusively (open(2)). */
const isHeld: Devices['isHeld'] = async (device) => {
  try {
    const file = await open(device, constants.O_RDONLY | constants.O_EXCL)
    await file.close()
    return false
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'EBUSY') return true
    throw error
  }
}

const keepOpen: Devices['keepOpen'] = async (device) => {
  const file = await open(device, constants.O_RDONLY)
  return () => file.close()
}

const isSame: Devices['isSame'] = async (one, other) => {
  try {
    const [a, b] = await Promise.all([stat(one), stat(other)])
    return a.isBlockDevice() && b.isBlockDevice() ? a.rdev === b.rdev : a.dev === b.dev && a.ino === b.ino
  } catch {
    return false
  }
}

/** The kernel's number of a device as /proc/PID/maps writes it: `08:01`. */
const mapsNumber = (device: number): string => {
  const major = (device >>> 8) & 0xfff
  const minor = (device & 0xff) | ((device >>> 12) & 0xfff00)
  return `${major.toString(16).padStart(2, '0')}:${minor.toString(16).padStart(2, '0')}`
}

const hasMapped = async (pid: number, number: string): Promise<boolean> => {
  try {
    return (await readFile(`/proc/${pid}/maps`, 'latin1')).includes(` ${number} `)
  } catch {
    return false
  }
}

const openFiles = async (pid: number): Promise<readonly string[]> => {
  try {
    return (await readdir(`/proc/${pid}/fd`)).map((fd) => `/proc/${pid}/fd/${fd}`)
  } catch {
    return []
  }
}

const isUser = async (pid: number, device: number): Promise<boolean> => {
  for (const link of ['cwd', 'root']) if ((await deviceOf(`/proc/${pid}/${link}`)) === device) return true
  for (const file of await openFiles(pid)) if ((await deviceOf(file)) === device) return true
  return await hasMapped(pid, mapsNumber(device))
}

/** By device number, which is the same in every mount namespace, rather than by path. */
const users: Devices['users'] = async (mountPoint) => {
  const device = await deviceOf(mountPoint)
  if (device === null) return []
  const found: ProcessIdentity[] = []
  for (const pid of allPids()) {
    const identity = identityOf(pid)
    if (identity !== null && pid !== process.pid && (await isUser(pid, device))) found.push(identity)
  }
  return found
}

/** Block devices and file systems of this machine. */
export const realDevices: Devices = { isHeld, keepOpen, isSame, users }
