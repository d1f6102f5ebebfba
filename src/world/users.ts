/** Users of this machine by name. */
import { readFile } from 'node:fs/promises'

export class UserUnknown extends Error {
  override readonly name = 'UserUnknown'
}

export type User = { readonly name: string; readonly uid: number; readonly gid: number; readonly home: string }

/** Looks into /etc/passwd: a service's user is a local one. @throws UserUnknown */
export const findUser = async (name: string): Promise<User> => {
  for (const line of (await readFile('/etc/passwd', 'utf8')).split('\n')) {
    const [user, , uid, gid, , home] = line.split(':')
    if (user === name) return { name, uid: Number(uid), gid: Number(gid), home: home ?? '/' }
  }
  throw new UserUnknown(`there is no user "${name}" in /etc/passwd`)
}
