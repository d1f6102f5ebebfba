/** What a scenario can do to a cluster. */
import type { Program } from '../cluster.ts'
import { goodLink, type LinkQuality } from '../network.ts'
import { replaceDisk } from '../rare-faults.ts'
import type { Simulation } from '../simulation.ts'
import type { Template } from './sentences.ts'

/** A cluster while a scenario is played on it. `cuts`: what mends them, by what was cut. */
export type Stage = { readonly sim: Simulation; readonly cuts: Map<string, (() => void)[]> }
export type Action = (stage: Stage) => void

const noted =
  (text: string, act: (sim: Simulation) => void): Action =>
  (stage) => {
    const { sim } = stage
    sim.fault(text, () => act(sim))
  }

const cutting =
  (key: string, cut: (sim: Simulation) => readonly (() => void)[]): Action =>
  ({ sim, cuts }) => {
    cuts.set(key, [...(cuts.get(key) ?? []), ...cut(sim)])
  }
const mending =
  (key: string): Action =>
  ({ cuts }) => {
    for (const mend of cuts.get(key) ?? []) mend()
    cuts.delete(key)
  }

const everyLink = (sim: Simulation, network: string, quality: LinkQuality): void => {
  for (const from of sim.hosts) for (const to of sim.hosts) if (from !== to) sim.quality(network, from, to, quality)
}

// cast: the vocabulary has these programs and no others.
const programOf = (name: string): Program => name as Program

const machines: readonly Template<Action>[] = [
  {
    text: 'power off <host>',
    means:
      ({ name }) =>
      ({ sim }) =>
        sim.powerOff(name('host')),
  },
  {
    text: 'power on <host>',
    means:
      ({ name }) =>
      ({ sim }) =>
        sim.powerOn(name('host')),
  },
  {
    text: 'power off everything',
    means:
      () =>
      ({ sim }) => {
        for (const host of sim.hosts) sim.powerOff(host)
      },
  },
  {
    text: 'power on everything',
    means:
      () =>
      ({ sim }) => {
        for (const host of sim.hosts) sim.powerOn(host)
      },
  },
  {
    text: 'reset <host>',
    means: ({ name }) => noted(`reset ${name('host')}`, (sim) => sim.cluster.reset(name('host'))),
  },
  {
    text: 'freeze <host> for <duration>',
    means:
      ({ name, ms }) =>
      ({ sim }) =>
        sim.freeze(name('host'), ms('duration')),
  },
  {
    text: 'suspend <host> for <duration>',
    means:
      ({ name, ms }) =>
      ({ sim }) =>
        sim.suspend(name('host'), ms('duration')),
  },
  {
    text: 'kill <program> of <host>',
    means:
      ({ name }) =>
      ({ sim }) =>
        sim.kill(name('host'), programOf(name('program'))),
  },
  {
    text: 'pause <program> of <host> for <duration>',
    means:
      ({ name, ms }) =>
      ({ sim }) =>
        sim.pause(name('host'), programOf(name('program')), ms('duration')),
  },
  {
    text: 'stop agent of <host>',
    means:
      ({ name }) =>
      ({ sim }) =>
        sim.stopAgent(name('host')),
  },
  {
    text: 'start agent of <host>',
    means:
      ({ name }) =>
      ({ sim }) =>
        sim.startAgent(name('host')),
  },
  {
    text: 'set clock of <host> by <duration>',
    means:
      ({ name, ms }) =>
      ({ sim }) =>
        sim.setWall(name('host'), ms('duration')),
  },
  {
    text: 'replace disk of <host>',
    means:
      ({ name }) =>
      ({ sim }) =>
        replaceDisk(sim, name('host')),
  },
]

const networks: readonly Template<Action>[] = [
  {
    text: 'isolate <host>',
    means: ({ name }) => cutting(`isolate ${name('host')}`, (sim) => [sim.isolate(name('host'))]),
  },
  {
    text: 'isolate <host> on <network>',
    means: ({ name }) => cutting(`isolate ${name('host')}`, (sim) => [sim.isolate(name('host'), [name('network')])]),
  },
  { text: 'reconnect <host>', means: ({ name }) => mending(`isolate ${name('host')}`) },
  {
    text: 'cut <network>',
    means: ({ name }) =>
      cutting(`cut ${name('network')}`, (sim) => sim.hosts.map((host) => sim.isolate(host, [name('network')]))),
  },
  { text: 'mend <network>', means: ({ name }) => mending(`cut ${name('network')}`) },
  {
    text: 'cut <network> from <host> to <other>',
    means: ({ name }) =>
      cutting(`cut ${name('network')} ${name('host')} ${name('other')}`, (sim) => [
        sim.cut(name('network'), name('host'), name('other')),
      ]),
  },
  {
    text: 'mend <network> from <host> to <other>',
    means: ({ name }) => mending(`cut ${name('network')} ${name('host')} ${name('other')}`),
  },
  {
    text: 'cut <network> between <host> and <other>',
    means: ({ name }) =>
      cutting(`cut ${name('network')} ${[name('host'), name('other')].toSorted().join(' and ')}`, (sim) => [
        sim.cut(name('network'), name('host'), name('other')),
        sim.cut(name('network'), name('other'), name('host')),
      ]),
  },
  {
    text: 'mend <network> between <host> and <other>',
    means: ({ name }) => mending(`cut ${name('network')} ${[name('host'), name('other')].toSorted().join(' and ')}`),
  },
  {
    text: 'lose <percent> on <network>',
    means:
      ({ name, part }) =>
      ({ sim }) =>
        everyLink(sim, name('network'), { ...goodLink, loss: part('percent') }),
  },
  {
    text: 'delay <network> by <duration>',
    means:
      ({ name, ms }) =>
      ({ sim }) =>
        everyLink(sim, name('network'), { ...goodLink, delay: [ms('duration'), ms('duration') * 1.2] }),
  },
]

const devices: readonly Template<Action>[] = [
  {
    text: 'stall disk of <host> for <duration>',
    means:
      ({ name, ms }) =>
      ({ sim }) =>
        sim.stallDisk(name('host'), ms('duration')),
  },
  {
    text: 'fail disk of <host>',
    means:
      ({ name }) =>
      ({ sim }) =>
        sim.failDisk(name('host'), 'input/output error'),
  },
  {
    text: 'repair disk of <host>',
    means:
      ({ name }) =>
      ({ sim }) =>
        sim.failDisk(name('host'), null),
  },
  ...(['pull', 'plug in'] as const).map(
    (verb): Template<Action> => ({
      text: `${verb} serial cable`,
      means: () =>
        noted(`${verb} serial cable`, ({ cluster }) => {
          cluster.cable.isPulled = verb === 'pull'
        }),
    }),
  ),
  ...(['cut', 'mend'] as const).map(
    (verb): Template<Action> => ({
      text: `${verb} serial cable from <server>`,
      means: ({ name }) =>
        noted(`${verb} serial cable from ${name('server')}`, ({ cluster: { cable } }) => {
          if (verb === 'cut') cable.mute.add(name('server'))
          else cable.mute.delete(name('server'))
        }),
    }),
  ),
  {
    text: 'stall heartbeat disk for <duration>',
    means: ({ ms }) =>
      noted(`the heartbeat disk stalls for ${ms('duration')} ms`, ({ cluster }) =>
        cluster.sharedDisk.stall(ms('duration')),
      ),
  },
  {
    text: 'detach heartbeat disk of <server>',
    means: ({ name }) =>
      noted(`detach heartbeat disk of ${name('server')}`, ({ cluster }) =>
        cluster.sharedDisk.detached.add(name('server')),
      ),
  },
  {
    text: 'attach heartbeat disk of <server>',
    means: ({ name }) =>
      noted(`attach heartbeat disk of ${name('server')}`, ({ cluster }) =>
        cluster.sharedDisk.detached.delete(name('server')),
      ),
  },
  ...(['break', 'repair'] as const).map(
    (verb): Template<Action> => ({
      text: `${verb} power controller of <server>`,
      means: ({ name }) =>
        noted(`${verb} power controller of ${name('server')}`, ({ cluster }) => {
          cluster.power.controller(name('server')).isDead = verb === 'break'
        }),
    }),
  ),
  {
    text: 'silence <target>',
    means: ({ name }) => noted(`silence ${name('target')}`, ({ cluster }) => cluster.outside.dead.add(name('target'))),
  },
  {
    text: 'revive <target>',
    means: ({ name }) =>
      noted(`revive ${name('target')}`, ({ cluster }) => cluster.outside.dead.delete(name('target'))),
  },
  ...(['data', 'cluster'] as const).flatMap((part): readonly Template<Action>[] => {
    const pathOf = (sim: Simulation, disk: string, server: string): string => {
      const mirror = sim.cluster.mirrors.all.find(({ name }) => name === disk)
      return (part === 'data' ? mirror?.data(server) : mirror?.metadata(server)) ?? ''
    }
    return [
      {
        text: `fail ${part} partition of <disk> on <server>`,
        means: ({ name }) =>
          noted(`the ${part} partition of ${name('disk')} on ${name('server')} fails`, (sim) =>
            sim.cluster.mirrors.partitions.fail(name('server'), pathOf(sim, name('disk'), name('server')), 'any'),
          ),
      },
      {
        text: `repair ${part} partition of <disk> on <server>`,
        means: ({ name }) =>
          noted(`the ${part} partition of ${name('disk')} on ${name('server')} works`, (sim) =>
            sim.cluster.mirrors.partitions.mend(name('server'), pathOf(sim, name('disk'), name('server'))),
          ),
      },
    ]
  }),
  {
    text: 'fail <resource> of <group>',
    means:
      ({ name }) =>
      ({ sim }) =>
        sim.breakResource(name('group'), name('resource')),
  },
  {
    text: 'refuse to start on <server>',
    means:
      ({ name }) =>
      ({ sim }) =>
        sim.behave(name('server'), { failure: 1 }),
  },
  {
    text: 'heal',
    means:
      () =>
      ({ sim, cuts }) => {
        sim.heal()
        cuts.clear()
      },
  },
]

export const actions: readonly Template<Action>[] = [...machines, ...networks, ...devices]
