/**
 * What an earlier agent left running while no guardian knows its lease either: it is gone, hangs, or has started anew. Nobody
 * would end it when its lease is over, and nobody here knows when that is. So it is taken down before anything else is done,
 * the reading of the log included.
 */
import type { World } from '../../world/world.ts'
import type { Say } from '../log/log-link.ts'
import type { Places } from '../node.ts'
import { askGuardian } from './guardian-link.ts'
import { guardianTag } from './guardian-process.ts'
import { readManifest, writeManifest } from './manifest.ts'
import { type TakeDownParts, takeAllDown } from './take-down.ts'

/** By force each takes a moment; what takes longer is left to the agent, which goes on trying. */
const eachMs = 2000

/** One that hangs costs this much of what is left of the lease; one that is only slow would cost the groups. */
const answerMs = 1000

/** How often a guardian that takes down is asked whether it is done, and when it counts as one that never will be. */
const pauseMs = 50
const takingDownMs = 10_000

/**
 * 1. The lease is over, and the guardian ends what ran. It has ended the agent, too, and another one starts meanwhile.
 * 2. That one gets a lease, and starts again what the guardian has just ended, on what the guardian is about to end: a service
 *    on a mount point from which its disk is gone writes where nobody looks.
 */
const guardianDone = async (world: World, socket: string): ReturnType<typeof askGuardian> => {
  const until = world.clock.now() + takingDownMs
  for (;;) {
    const answer = await askGuardian(world, socket, answerMs)
    if (answer !== 'takes down' || world.clock.now() >= until) return answer
    await new Promise<void>((resolve) => world.clock.after(pauseMs, resolve))
  }
}

/** Where it cannot be told what runs, that is for the agent: it knows everything that could. */
export const endUnguarded = async (
  world: World,
  { manifest, guardian }: Pick<Places, 'manifest' | 'guardian'>,
  { say, ...parts }: TakeDownParts & { readonly say: Say },
): Promise<void> => {
  const before = (await readManifest(world, manifest)) ?? []
  if (before.every(({ isKept }) => isKept)) return
  const answer = await guardianDone(world, guardian)
  if (answer === 'knows a lease') return
  const all = (await readManifest(world, manifest)) ?? []
  // Rule 12: that may run on without a lease, and so without anybody who ends it.
  const kept = all.filter(({ isKept }) => isKept)
  const running = all.filter(({ isKept }) => !isKept)
  if (running.length === 0) return
  // Should it go on later, it would take down what is not its own any more.
  if (answer === 'hangs') await world.processes.signalAll(guardianTag(parts.instance), 'SIGKILL')
  const began = world.clock.now()
  const left = await takeAllDown(running, parts, () => eachMs)
  await writeManifest(world, manifest, [...kept, ...left]).catch((trouble: unknown) =>
    say('what runs could not be written down', { trouble: String(trouble) }),
  )
  say('agent and guardian were both gone, or hung: what they had left running was taken down', {
    resources: running.map(({ group, resource }) => `${group}/${resource}`),
    left: left.map(({ group, resource }) => `${group}/${resource}`),
    tookMs: Math.round(world.clock.now() - began),
  })
}
