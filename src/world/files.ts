import { randomBytes } from 'node:crypto'
import { closeSync, ftruncateSync, openSync, readFileSync, writeSync } from 'node:fs'
import {
  appendFile,
  chmod,
  chown,
  copyFile,
  mkdir,
  open,
  readdir,
  readFile,
  rename,
  rm,
  stat,
  truncate,
} from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { lockDescriptor } from './libc.ts'
import { findUser } from './users.ts'
import type { Files } from './world.ts'

/** The value, or `instead` when there is no such file. */
const orWhenMissing = async <T>(attempt: Promise<T>, instead: T): Promise<T> => {
  try {
    return await attempt
  } catch (error) {
    if (isMissing(error)) return instead
    throw error
  }
}
const isMissing = (error: unknown): boolean =>
  error instanceof Error && 'code' in error && (error.code === 'ENOENT' || error.code === 'ENOTDIR')

const temporaryFor = (path: string): string =>
  join(dirname(path), `.${basename(path)}.${randomBytes(6).toString('hex')}.tmp`)

const syncDirectory = async (path: string): Promise<void> => {
  const directory = await open(path, 'r')
  try {
    await directory.sync()
  } finally {
    await directory.close()
  }
}

const removingOnTrouble = async (temporary: string, work: () => Promise<void>): Promise<void> => {
  try {
    await work()
  } catch (error) {
    await rm(temporary, { force: true })
    throw error
  }
}

const writeDurably: Files['writeDurably'] = async (path, content) => {
  const temporary = temporaryFor(path)
  await removingOnTrouble(temporary, async () => {
    const file = await open(temporary, 'wx')
    try {
      await file.writeFile(content)
      await file.sync()
    } finally {
      await file.close()
    }
    await rename(temporary, path)
  })
  await syncDirectory(dirname(path))
}

const write: Files['write'] = async (path, content, access) => {
  const temporary = temporaryFor(path)
  await removingOnTrouble(temporary, async () => {
    const file = await open(temporary, 'wx', access?.mode ?? 0o666)
    try {
      await file.writeFile(content)
    } finally {
      await file.close()
    }
    // The mode given to open is cut by the umask.
    if (access) await chmod(temporary, access.mode)
    if (access?.owner !== undefined) {
      const owner = await findUser(access.owner)
      await chown(temporary, owner.uid, owner.gid)
    }
    await rename(temporary, path)
  })
}

const rotate: Files['rotate'] = async (path) => {
  await orWhenMissing(rename(`${path}.1`, `${path}.2`), undefined)
  await orWhenMissing(copyFile(path, `${path}.1`), undefined)
  await orWhenMissing(truncate(path), undefined)
}

/** Its descriptor stays open until the end: the kernel gives the lock back then, and to nobody's children before. */
const lock = (path: string): number | null => {
  const fd = openSync(path, 'a+', 0o600)
  if (!lockDescriptor(fd)) {
    const holder = Number(readFileSync(path, 'utf8').trim())
    closeSync(fd)
    return holder
  }
  ftruncateSync(fd)
  writeSync(fd, `${process.pid}\n`)
  return null
}

/** The file system of this machine. A file that is not there is no trouble: empty, null, nothing to remove. */
export const realFiles: Files = {
  read: (path) => orWhenMissing<string | null>(readFile(path, 'utf8'), null),
  writeDurably,
  write,
  append: (path, content) => appendFile(path, content),
  rotate,
  remove: (path) => rm(path, { force: true }),
  makeDirectory: async (path) => {
    await mkdir(path, { recursive: true })
  },
  list: (path) => orWhenMissing<readonly string[]>(readdir(path), []),
  size: async (path) => (await orWhenMissing<{ size: number } | null>(stat(path), null))?.size ?? 0,
  rename: (from, to) => rename(from, to),
  lock: async (path) => lock(path),
}
