/** What the data planes of this server say now, beside what the log knows: over which network, how fast, how far behind. */
import type { AgentStatus } from '../agents/control-protocol.ts'
import { type MirrorHere, mirrorsHere } from '../agents/mirror/here.ts'
import { connectNames } from '../agents/mirror/places.ts'
import { type ServerName, serverName } from '../events/index.ts'
import type { PlaneCondition, PlaneStatus } from '../mirror/process/sayings.ts'
import type { State } from '../projections/state.ts'
import { bytesInWords } from '../projections/wording.ts'
import { type Colours, CommandFailed, exitCode } from './deps.ts'

export type Planes = { readonly server: ServerName; readonly mirrors: readonly MirrorHere[] }

export const planesOf = ({ voter, mirrors }: AgentStatus): Planes => {
  const said = mirrorsHere.safeParse(mirrors)
  if (said.success) return { server: serverName(voter), mirrors: said.data }
  const [first] = said.error.issues
  const what = `the agent tells of its mirrors what is not understood: ${first?.path.join('.')}: ${first?.message}`
  throw new CommandFailed(exitCode.failed, what, 'is it of this version?')
}

/** Undefined: this server has no copy, or nobody asked it. */
export const mirrorIn = (planes: Planes | null, name: string): MirrorHere | undefined =>
  planes?.mirrors.find((one) => one.name === name)

/** The network that it is mirrored over now; null: the sides are not connected. */
export const networkOf = (state: State, { server }: Planes, { name, plane }: MirrorHere): string | null => {
  const path = plane?.path ?? null
  return path === null ? null : (connectNames(state, name, server)[path] ?? `connect ${path + 1}`)
}

/** Over which networks the other side cannot reach this one, and why. */
export const deafnessOf = (state: State, { server }: Planes, { name, plane }: MirrorHere) =>
  (plane?.deafAt ?? []).map(({ path, because }) => ({
    network: connectNames(state, name, server)[path] ?? `connect ${path + 1}`,
    because,
  }))

/** `s1 now: serves, both sides are written, over cross, 0.3 ms, 0 bytes behind` */
export const planeLines = (state: State, planes: Planes | null, name: string, colours: Colours): readonly string[] => {
  const here = mirrorIn(planes, name)
  if (planes === null || here === undefined) return []
  const { plane } = here
  const said = plane === null ? [colours.red('its data plane is not reached')] : []
  return [
    `${planes.server} now: ${[...said, ...(plane ? planeWords(state, planes, here, plane) : [])].join(', ')}`,
    ...deafnessOf(state, planes, here).map(({ network, because }) =>
      colours.red(`${planes.server} cannot be reached over ${network}: ${because}; ${deafnessHelp(because)}`),
    ),
  ]
}

/** It tries again every second: what is mended needs no order. */
const deafnessHelp = (because: string): string => {
  if (because.includes('EADDRNOTAVAIL')) return 'bring that network up, or correct the address of the server'
  if (because.includes('EADDRINUSE')) return 'end what has the port (ss -tlnp), or give the mirror another one'
  return 'it is tried again every second'
}

const planeWords = (state: State, planes: Planes, here: MirrorHere, plane: PlaneStatus): readonly string[] => {
  const { does, condition, statistics, dirtyBlocks, blockBytes, because, isExposed, growth } = plane
  const network = networkOf(state, planes, here)
  const roundTrip = statistics?.roundTripMs
  return [
    isExposed ? 'can be read for a backup' : roles[does],
    ...(condition ? [conditionWords(condition)] : []),
    network === null ? 'not connected' : `over ${network}`,
    ...(network !== null && roundTrip && roundTrip.highest > 0 ? [`${rounded(roundTrip.current)} ms`] : []),
    ...(does === 'serve' && statistics ? [`${bytesInWords(statistics.behindBytes.current)} behind`] : []),
    ...(dirtyBlocks > 0 ? [`${bytesInWords(dirtyBlocks * blockBytes)} marked`] : []),
    ...(growth
      ? [`grows: ${growth.because ?? `${bytesInWords(growth.doneBytes)} of ${bytesInWords(growth.totalBytes)}`}`]
      : []),
    ...(because === null ? [] : [because]),
  ]
}

const roles = { nothing: 'neither serves nor follows', follow: 'follows', serve: 'serves' } as const

const conditionWords = ({ pair, because }: PlaneCondition): string => {
  switch (pair) {
    case 'paired':
      return 'both sides are written'
    case 'resyncing':
      return 'brings the other side up'
    case 'alone':
    case 'holding':
    case 'detached':
    case 'stopped':
      return `${partings[pair]} (${because})`
    default:
      return pair satisfies never
  }
}
const partings = {
  alone: 'goes on alone',
  holding: 'holds its answers',
  detached: 'with the disk of the other side alone',
  stopped: 'has stopped',
} as const

/** Two digits that count: 0.043, 0.3, 12. */
const rounded = (ms: number): number => Number(ms.toPrecision(2))
