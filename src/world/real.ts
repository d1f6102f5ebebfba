import { createHmac, hash as digestOf } from 'node:crypto'
import { hostname } from 'node:os'
import { hash } from '../events/ids.ts'
import { bootId } from './boot.ts'
import { realClock } from './clock.ts'
import { realDatagrams } from './datagrams.ts'
import { realDevices } from './devices.ts'
import { realFiles } from './files.ts'
import { realHttp } from './http-client.ts'
import { realHttpServers } from './http-server.ts'
import { realLocalSockets } from './local-sockets.ts'
import { realNeighbours } from './neighbours.ts'
import { realNetwork } from './network.ts'
import { realProcesses } from './processes.ts'
import { realRandom } from './random.ts'
import { realRawDisks } from './raw-disks.ts'
import { realSerialLines } from './serial-lines.ts'
import { openUnixDatagrams } from './unix-datagram.ts'
import type { World } from './world.ts'

/** This machine. What its parts share (the exit watcher, the control group's place) is made when first needed. */
export const realWorld = (): World => ({
  clock: realClock,
  random: realRandom,
  processes: realProcesses,
  files: realFiles,
  datagrams: realDatagrams,
  network: realNetwork,
  neighbours: realNeighbours,
  http: realHttp,
  httpServers: realHttpServers,
  devices: realDevices,
  serialLines: realSerialLines,
  rawDisks: realRawDisks,
  local: realLocalSockets,
  localDatagrams: openUnixDatagrams,
  hostName: hostname,
  digest: (bytes) => hash(digestOf('sha256', bytes, 'base64url')),
  authenticate: (key, bytes) => createHmac('sha256', key).update(bytes).digest(),
  bootId,
})
