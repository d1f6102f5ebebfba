/** The world as a process of a simulated host has it. */
import { instant, wallTime } from '../events/index.ts'
import type { Datagrams, Files, Processes, World } from '../world/world.ts'
import { absentDevices, absentHttpServers, absentNeighbours } from './absent.ts'
import type { SimulatedProcess } from './process.ts'
import { simulatedProcesses } from './programs.ts'
import { seal } from './seal.ts'
import { simulatedSockets } from './sockets.ts'

/** How datagrams travel: given to whoever is bound to the address. */
export type Post = {
  readonly bind: (process: SimulatedProcess, address: string, port: number, received: Received) => () => void
  /** `received`: of whoever sends, for an answer. */
  readonly send: (
    from: SimulatedProcess,
    bytes: Uint8Array,
    to: { address: string; port: number },
    received: Received,
  ) => void
}
export type Received = (bytes: Uint8Array, from: { readonly address: string; readonly port: number }) => void

export type WorldParts = {
  readonly post: Post
  readonly reset: () => void
  /** Devices of this machine, and what can be reached from it. */
  readonly around: Pick<World, 'network' | 'http' | 'serialLines' | 'rawDisks'>
  /** What a command does that is more than a program of this product; null = nothing. */
  readonly command: (...run: Parameters<Processes['run']>) => ReturnType<Processes['run']> | null
  /** A datagram went to a UNIX socket, such as syslog's. */
  readonly told: (path: string, bytes: Uint8Array) => void
}

export const simulatedWorld = (
  process: SimulatedProcess,
  { post, reset, told, around, command }: WorldParts,
): World => {
  const { host } = process
  const chance = host.chance.split(`process-${host.boots}-${process.identity.pid}`)
  return {
    clock: {
      now: () => instant(host.monotonic()),
      sinceBoot: () => instant(host.sinceBoot()),
      wall: () => wallTime(host.wall()),
      after: (delayMs, run) => process.after(delayMs, run),
    },
    random: { id: chance.id, fraction: chance.fraction },
    processes: simulatedProcesses(process, { reset, command }),
    files: simulatedFiles(process),
    datagrams: simulatedDatagrams(process, post),
    ...around,
    neighbours: absentNeighbours,
    httpServers: absentHttpServers,
    devices: absentDevices,
    local: simulatedSockets(process),
    localDatagrams: () => ({
      send: (path, bytes) => {
        told(path, bytes)
        return 'sent'
      },
      close: () => {},
    }),
    hostName: () => host.name,
    ...seal,
    bootId: () => host.bootId,
  }
}

const simulatedFiles = (process: SimulatedProcess): Files => {
  const { disk } = process.host
  const done = (act: () => void): Promise<void> => process.answer(disk.writeMs(), act)
  return {
    read: (path) => process.answer(disk.readMs(), () => disk.read(path)),
    writeDurably: (path, content) => {
      const { finish, abandon } = disk.begin(path, content)
      const forget = process.onExit(abandon)
      return process.answer(disk.syncMs(), () => {
        forget()
        finish()
      })
    },
    write: (path, content) => done(() => disk.write(path, content)),
    append: (path, content) => done(() => disk.append(path, content)),
    rotate: (path) =>
      done(() => {
        disk.rename(`${path}.1`, `${path}.2`)
        disk.rename(path, `${path}.1`)
      }),
    remove: (path) => done(() => disk.remove(path)),
    makeDirectory: () => done(() => {}),
    list: (path) => process.answer(disk.readMs(), () => disk.list(path)),
    size: (path) => process.answer(disk.readMs(), () => disk.read(path)?.length ?? 0),
    rename: (from, to) => done(() => disk.rename(from, to)),
    lock: async (path) => lock(process, path),
  }
}

const lock = ({ host, identity: { pid } }: SimulatedProcess, path: string): number | null => {
  const holder = host.ram.get(`lock ${path}`)
  if (typeof holder === 'number' && holder !== pid && host.processes.has(holder)) return holder
  host.ram.set(`lock ${path}`, pid)
  return null
}

const simulatedDatagrams = (process: SimulatedProcess, post: Post): Datagrams => ({
  bind: ({ address, port }, received) =>
    process.answer(0.1, () => {
      const close = post.bind(process, address, port, received)
      return { send: (bytes, to) => post.send(process, bytes, to, received), close }
    }),
})
