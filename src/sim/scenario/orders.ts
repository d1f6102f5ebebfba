/** What a scenario can order of a cluster, as an operator does. */
import { type Command, decode, type MirrorName } from '../../events/index.ts'
import type { Template } from './sentences.ts'

const group = (name: string) => decode.group.parse(name)
const server = (name: string) => decode.server.parse(name)
// cast: the vocabulary has the mirrors of the configuration and no others.
const mirror = (name: string) => name as MirrorName

export const orders: readonly Template<Command>[] = [
  {
    text: 'move group <group> to <server>',
    means: ({ name }) => ({ do: 'move-group', group: group(name('group')), server: server(name('server')) }),
  },
  {
    text: 'move group <group>',
    means: ({ name }) => ({ do: 'move-group', group: group(name('group')), server: null }),
  },
  {
    text: 'start group <group> on <server>',
    means: ({ name }) => ({ do: 'start-group', group: group(name('group')), server: server(name('server')) }),
  },
  {
    text: 'start group <group>',
    means: ({ name }) => ({ do: 'start-group', group: group(name('group')), server: null }),
  },
  { text: 'stop group <group>', means: ({ name }) => ({ do: 'stop-group', group: group(name('group')) }) },
  {
    text: 'fail over group <group>',
    means: ({ name }) => ({ do: 'failover-group', group: group(name('group')), server: null }),
  },
  { text: 'stop server <server>', means: ({ name }) => ({ do: 'stop-server', server: server(name('server')) }) },
  { text: 'start server <server>', means: ({ name }) => ({ do: 'start-server', server: server(name('server')) }) },
  {
    text: 'confirm off <server>',
    means: ({ name }) => ({ do: 'confirm-off', server: server(name('server')), note: 'scenario' }),
  },
  { text: 'readmit <host>', means: ({ name }) => ({ do: 'readmit-voter', voter: decode.voter.parse(name('host')) }) },
  { text: 'stop cluster', means: () => ({ do: 'stop-cluster' }) },
  { text: 'start cluster', means: () => ({ do: 'start-cluster' }) },
  { text: 'suspend cluster', means: () => ({ do: 'suspend-cluster' }) },
  { text: 'resume cluster', means: () => ({ do: 'resume-cluster' }) },
  { text: 'break mirror <disk>', means: ({ name }) => ({ do: 'break-mirror', mirror: mirror(name('disk')) }) },
  { text: 'connect mirror <disk>', means: ({ name }) => ({ do: 'connect-mirror', mirror: mirror(name('disk')) }) },
  {
    text: 'resync mirror <disk>',
    means: ({ name }) => ({ do: 'resync-mirror', mirror: mirror(name('disk')), full: false }),
  },
  { text: 'verify mirror <disk>', means: ({ name }) => ({ do: 'verify-mirror', mirror: mirror(name('disk')) }) },
  { text: 'split mirror <disk>', means: ({ name }) => ({ do: 'split-mirror', mirror: mirror(name('disk')) }) },
  { text: 'rejoin mirror <disk>', means: ({ name }) => ({ do: 'rejoin-mirror', mirror: mirror(name('disk')) }) },
]
