import { execFileSync } from 'node:child_process'
import { existsSync } from 'node:fs'

const debianPackages = new URL('../../../ops/debian-packages', import.meta.url).pathname
const places = ['/usr/lib/x86_64-linux-gnu/faketime', '/usr/lib/aarch64-linux-gnu/faketime', '/usr/lib/faketime']

/** Path of libfaketime, which lets a program's wall clock jump; null where it cannot be had. */
export const clockLibrary = (): string | null => {
  const find = (root: string) => places.map((place) => `${root}${place}/libfaketime.so.1`).find(existsSync)
  const installed = find('')
  if (installed !== undefined) return installed
  try {
    return find(execFileSync(debianPackages, ['libfaketime'], { encoding: 'utf8' }).trim()) ?? null
  } catch {
    return null
  }
}
