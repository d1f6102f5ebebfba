/**
 * GlusterFS with two replicas, both on this machine: its own bricks and its own client, told what to do by volume files, so
 * that none of its services need run here. What its own tool would set up for `replica 2` is in them.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { onPath } from '../../live/lab/needs.ts'
import { until } from '../../live/lab/until.ts'
import { freePort } from '../../live/mirror/plane.ts'
import { run } from './places.ts'

const limitMs = 30_000

type Volume = {
  readonly name: string
  readonly type: string
  readonly options?: Readonly<Record<string, string | number>>
  readonly over?: readonly string[]
}

const textOf = (volumes: readonly Volume[]): string =>
  volumes
    .flatMap(({ name, type, options = {}, over = [] }) => [
      `volume ${name}`,
      `  type ${type}`,
      ...Object.entries(options).map(([option, value]) => `  option ${option} ${value}`),
      ...(over.length > 0 ? [`  subvolumes ${over.join(' ')}`] : []),
      'end-volume',
    ])
    .join('\n')

const brickOf = (folder: string, port: number): readonly Volume[] => [
  { name: 'posix', type: 'storage/posix', options: { directory: folder } },
  { name: 'locks', type: 'features/locks', over: ['posix'] },
  {
    name: 'index',
    type: 'features/index',
    options: { 'index-base': join(folder, '.glusterfs', 'indices') },
    over: ['locks'],
  },
  { name: 'threads', type: 'performance/io-threads', over: ['index'] },
  { name: 'brick', type: 'debug/io-stats', over: ['threads'] },
  {
    name: 'server',
    type: 'protocol/server',
    options: {
      'transport-type': 'tcp',
      'transport.socket.bind-address': '127.0.0.1',
      'transport.socket.listen-port': port,
      'auth.addr.brick.allow': '127.0.0.1',
    },
    over: ['brick'],
  },
]

const clientOf = (ports: readonly number[]): readonly Volume[] => {
  const replicas = ports.map((port, index) => ({ name: `replica${index}`, port }))
  const names = replicas.map(({ name }) => name)
  return [
    ...replicas.map(({ name, port }) => ({
      name,
      type: 'protocol/client',
      options: {
        'transport-type': 'tcp',
        'remote-host': '127.0.0.1',
        'remote-port': port,
        'remote-subvolume': 'brick',
      },
    })),
    { name: 'both', type: 'cluster/replicate', options: { 'afr-pending-xattr': names.join(',') }, over: names },
    { name: 'behind', type: 'performance/write-behind', over: ['both'] },
  ]
}

/** Mounted, with both replicas in `folder`; or why it cannot be had. */
export const openGluster = async (
  folder: string,
): Promise<{ readonly folder: string; readonly close: () => Promise<void> } | string> => {
  const lacking = onPath('glusterfsd') ?? onPath('glusterfs')
  if (lacking !== null) return lacking
  const [own, mountPoint] = [join(folder, 'gluster'), join(folder, 'gluster', 'mounted')]
  await mkdir(mountPoint, { recursive: true })
  const children: ChildProcess[] = []
  const start = async (program: string, name: string, volumes: readonly Volume[], ...argv: readonly string[]) => {
    const file = join(own, `${name}.vol`)
    await writeFile(file, textOf(volumes))
    const log = join(own, `${name}.log`)
    children.push(spawn(program, ['-N', '-f', file, '-l', log, ...argv], { stdio: 'ignore' }))
  }
  const close = async (): Promise<void> => {
    await run('umount', '--lazy', mountPoint).catch(() => undefined)
    for (const child of children.filter(({ exitCode }) => exitCode === null)) {
      child.kill('SIGKILL')
      await once(child, 'exit')
    }
    await rm(own, { recursive: true })
  }
  try {
    const ports = [await freePort(), await freePort()]
    for (const [index, port] of ports.entries()) {
      const brick = join(own, `brick${index}`)
      await mkdir(join(brick, '.glusterfs'), { recursive: true })
      await start('glusterfsd', `brick${index}`, brickOf(brick, port))
    }
    for (const port of ports) await until(() => isListening(port), limitMs, 'a replica of GlusterFS to listen')
    await start('glusterfs', 'client', clientOf(ports), mountPoint)
    const proof = join(mountPoint, 'proof')
    const isWritten = async () => (await isMounted(mountPoint)) && writeFile(proof, 'x').then(() => true)
    await until(() => isWritten().catch(() => false), limitMs, 'GlusterFS to be mounted')
    for (const index of ports.keys())
      await until(() => readFile(join(own, `brick${index}`, 'proof')), limitMs, 'a write to be on both replicas')
    return { folder: mountPoint, close }
  } catch (error) {
    await close()
    throw error
  }
}

const isMounted = async (place: string): Promise<boolean> =>
  (await readFile('/proc/mounts', 'utf8')).includes(` ${place} `)

const isListening = async (port: number): Promise<boolean> =>
  (await readFile('/proc/net/tcp', 'utf8')).includes(`:${port.toString(16).toUpperCase().padStart(4, '0')} 00000000`)
