/** What is done to a tortured cluster: each fault begins, lasts, and ends. Drawn by chance from a seed. */
import type { Chance } from '../../properties/liveness/timeline.ts'
import type { Role } from '../cluster/voter-processes.ts'
import type { Cut, Direction } from '../lab/cuts.ts'
import type { NetworkName } from '../lab/network.ts'
import type { Tortured } from './tortured.ts'

export type Fault = {
  readonly what: string
  /** It lasts at least so many T; 0.2 unless told. */
  readonly least?: number
  readonly begin: () => Promise<void>
  /** What it takes back by itself; the trial's end heals everything anyway. */
  readonly end: () => Promise<void>
}

type Kind = (tortured: Tortured, chance: Chance) => Promise<Fault>

const nothing = async (): Promise<void> => undefined

/** The voters one would aim at, and any other. */
const victim = async ({ cluster }: Tortured, chance: Chance): Promise<string> => {
  if (chance.happens(0.6)) {
    const owner = await cluster.ownerOf('web').catch(() => null)
    if (owner !== null) return owner
  }
  return chance.oneOf(cluster.voters)
}

const crash: Kind = async (tortured, chance) => {
  const voter = await victim(tortured, chance)
  return {
    what: `power off ${voter}`,
    begin: () => tortured.powerOff(voter),
    end: () => tortured.powerOn(voter),
  }
}

const cut: Kind = async (tortured, chance) => {
  const { cluster } = tortured
  const network: NetworkName | 'both' = chance.oneOf(['interconnect', 'public', 'both', 'both'])
  const direction: Direction = chance.oneOf(['both', 'in', 'out'])
  const first = await victim(tortured, chance)
  const second = chance.oneOf(cluster.voters.filter((voter) => voter !== first))
  const where = { network, direction }
  const one: Cut = chance.happens(0.5) ? { host: first, ...where } : { between: [first, second], ...where }
  const whom = 'host' in one ? one.host : one.between.join(' – ')
  return { what: `cut ${whom}, ${network}, ${direction}`, begin: () => cluster.lab.cut(one), end: nothing }
}

/** One process hangs, longer or shorter than the time-out: its watchers are what must act. */
const hang: Kind = async (tortured, chance) => {
  const voter = await victim(tortured, chance)
  const isWitness = !tortured.cluster.servers.includes(voter)
  const role: Role = chance.oneOf(isWitness ? ['witness', 'log server'] : ['agent', 'agent', 'guardian', 'log server'])
  return {
    what: `stop the ${role} of ${voter}`,
    begin: () => tortured.stopRole(voter, role),
    end: () => tortured.continueRole(voter, role),
  }
}

const kill: Kind = async (tortured, chance) => {
  const voter = await victim(tortured, chance)
  const isWitness = !tortured.cluster.servers.includes(voter)
  const role: Role = chance.oneOf(isWitness ? ['witness', 'log server'] : ['agent', 'guardian', 'log server'])
  return { what: `kill the ${role} of ${voter}`, begin: () => tortured.killRole(voter, role), end: nothing }
}

const stallDisk: Kind = async (tortured, chance) => {
  const voter = await victim(tortured, chance)
  return {
    what: `stall the disk of ${voter}`,
    begin: () => tortured.stallDisk(voter),
    end: () => tortured.resumeDisk(voter),
  }
}

const jumpClocks: Kind = async (tortured, chance) => {
  const offsetS = Math.round(chance.between(-7200, 7200))
  return {
    what: `wall clocks jump by ${offsetS} s`,
    begin: () => tortured.setClocks(offsetS),
    end: () => tortured.setClocks(0),
  }
}

/** A whole machine stands still for longer than T, as a paused virtual one: only a watchdog or a fence can end what it still holds. */
const freeze: Kind = async (tortured, chance) => {
  const voter = await victim(tortured, chance)
  return {
    what: `freeze ${voter}`,
    least: 1.2,
    begin: () => tortured.freeze(voter),
    end: () => tortured.thaw(voter),
  }
}

const always: readonly Kind[] = [crash, crash, cut, cut, cut, hang, hang, kill, stallDisk]

export type Draw = {
  /** Where machines may stand still, one does. */
  readonly freezes: boolean
}

export const drawFault = (tortured: Tortured, chance: Chance, { freezes }: Draw): Promise<Fault> => {
  if (freezes && tortured.isFenced) return freeze(tortured, chance)
  return chance.oneOf([
    ...always,
    ...(tortured.canJump ? [jumpClocks] : []),
    ...(tortured.isFenced ? [freeze, freeze] : []),
  ])(tortured, chance)
}

/**
 * Not promised without a watchdog (GUARANTEES.md 1): agent and guardian of one server are gone or hang at the same time. Nobody is
 * left then who ends what runs when the lease is over, and these hosts have no service manager that starts either one again.
 */
export const isBeyond = (whats: readonly string[]): boolean =>
  whats.some((what) => {
    const server = /^(?:stop|kill) the agent of (\w+)/.exec(what)?.[1]
    return (
      server !== undefined &&
      whats.some((other) => /^(?:stop|kill) the guardian/.test(other) && other.includes(` of ${server}`))
    )
  })
