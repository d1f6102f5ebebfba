/** R2: a floating IP address on the NIC that holds its subnet. */
import type { FipConfiguration } from '../../events/index.ts'
import type { Cancel, NicAddress, World } from '../../world/world.ts'
import type { Limit, Outcome, ResourceContext, ResourceDriver } from './driver.ts'
import { type Place, parseFloating, placeOf } from './fip-place.ts'
import { failure, messageOf } from './outcome.ts'

type Context = ResourceContext<FipConfiguration>

/**
 * The first announcement may be lost, and a switch may still be learning where we are. A server may also take over while
 * its network is cut: nobody hears it then, and a client that went on asking the other server's NIC would do so until
 * `reannounce`. So each pause is about as long as all before it: what is mended is heard of after no longer than it lasted.
 */
const repeatAnnouncementsAfterMs = [120, 400, 1000, 2000, 4000, 8000, 16_000, 32_000]

/** See `fip` in configuration.ts. */
export const fipDriver = (world: World): ResourceDriver<FipConfiguration> => ({
  activate: async (context, limit) => {
    try {
      return await activate(world, context, limit)
    } catch (error) {
      return failure(messageOf(error))
    }
  },
  deactivate: async (context) => {
    try {
      return deactivate(world, context)
    } catch (error) {
      return failure(messageOf(error))
    }
  },
  probe: async (context) => {
    const here = present(world, context)
    if (here.length === 0) return 'off'
    return here.some(({ duplicate }) => duplicate) ? 'partial' : 'on'
  },
  watch: (context, lost) => watch(world, context, lost),
})

/** Wherever on this machine the address is. */
const present = (world: World, context: Context): readonly NicAddress[] => {
  const wanted = parseFloating(context.configuration.address)
  return wanted ? world.network.addresses().filter(({ address }) => address === wanted.address) : []
}

const activate = async (world: World, context: Context, limit: Limit): Promise<Outcome> => {
  const [here] = present(world, context)
  if (here) {
    announceOften(world, context, here)
    return { ok: true, detail: `it was on ${here.nic} already` }
  }
  const nics = world.network.nics()
  const place = placeOf(context.configuration, { nics, addresses: world.network.addresses() })
  if (typeof place === 'string') return failure(place)
  const nic = nics.find(({ name }) => name === place.nic)
  if (!nic?.isUp) return failure(`NIC ${place.nic} is down`)
  if (!nic.hasCarrier) return failure(`NIC ${place.nic} has no link`)
  const duplicate = await findDuplicate(world, context, { place, limit })
  if (limit.signal.aborted) return failure('cancelled before the address was added')
  if (duplicate !== null && context.configuration.duplicate === 'refuse') return failure(duplicate)
  return add(world, context, { place, duplicate })
}

/** The pause between two questions who has the address. */
const askAgainMs = 50

type Looking = { readonly place: Place; readonly limit: Limit }

/** As `askForDuplicate`, asked again for a while: the owner before us may be letting go of the address at this moment. */
const findDuplicate = async (world: World, context: Context, looking: Looking): Promise<string | null> => {
  const { duplicate, duplicatePatience } = context.configuration
  const patienceMs = duplicate === 'force' ? 0 : Math.min(duplicatePatience, looking.limit.timeoutMs / 2)
  const deadline = world.clock.now() + patienceMs
  for (;;) {
    const found = await askForDuplicate(world, context, looking)
    if (found === null || looking.limit.signal.aborted || world.clock.now() >= deadline) return found
    await new Promise<void>((resolve) => world.clock.after(askAgainMs, resolve))
  }
}

/** Null when nobody answers for the address; otherwise a sentence. */
const askForDuplicate = async (world: World, context: Context, { place, limit }: Looking): Promise<string | null> => {
  const waitMs = Math.min(context.configuration.duplicateWait, limit.timeoutMs)
  // Handed over in order, the address was this cluster's own until a moment ago: whoever else had it was found then.
  if (waitMs === 0 || context.environment.BATON_HANDOVER === '1') return null
  try {
    const mac = await world.neighbours.isTaken(place.address, place.nic, waitMs)
    return mac && `${mac} answers for ${place.address} on ${place.nic}`
  } catch (error) {
    return `it is not known whether somebody has ${place.address}: ${messageOf(error)}`
  }
}

type Adding = { readonly place: Place; readonly duplicate: string | null }

const add = (world: World, context: Context, { place, duplicate }: Adding): Outcome => {
  const { address, prefix, nic } = place
  const answer = world.network.addAddress(address, prefix, nic)
  if (answer === 'done' || answer === 'exists') {
    announceOften(world, context, place)
    return { ok: true, detail: `on ${nic}${duplicate === null ? '' : `, by force: ${duplicate}`}` }
  }
  return failure(`cannot add ${address}/${prefix} to ${nic}: ${reasonOf(answer)}`)
}

const reasonOf = (answer: 'missing' | 'not-permitted' | { readonly failed: string }): string => {
  if (answer === 'not-permitted') return 'needs CAP_NET_ADMIN'
  return answer === 'missing' ? 'the kernel does not take the address' : answer.failed
}

/** At once, and again in the background as long as the address is here. */
const announceOften = (world: World, context: Context, at: Pick<Place, 'address' | 'nic'>): void => {
  announce(world, at)
  for (const delayMs of repeatAnnouncementsAfterMs) {
    world.clock.after(delayMs, () => {
      if (present(world, context).length > 0) announce(world, at)
    })
  }
}

const announce = (world: World, { address, nic }: Pick<Place, 'address' | 'nic'>): void => {
  // Nobody hears it now: those who ask later are answered by the kernel.
  world.neighbours.announce(address, nic).catch(() => undefined)
}

const deactivate = (world: World, context: Context): Outcome => {
  for (const { address, prefix, nic } of present(world, context)) {
    const answer = world.network.removeAddress(address, prefix, nic)
    if (answer === 'done' || answer === 'exists' || answer === 'missing') continue
    return failure(`cannot remove ${address}/${prefix} from ${nic}: ${reasonOf(answer)}`)
  }
  return { ok: true }
}

/** Tells when the address was taken from the NIC by somebody else, and announces it again for forgetful caches. */
const watch = (world: World, context: Context, lost: (because: string) => void): Cancel => {
  const cancels = new Set<Cancel>()
  const cancel = (): void => {
    for (const each of cancels) each()
    cancels.clear()
  }
  const look = (): void => {
    if (cancels.size === 0 || present(world, context).length > 0) return
    cancel()
    lost(`${context.configuration.address} is not on any NIC any more`)
  }
  const again = (): void => {
    for (const here of present(world, context)) announce(world, here)
    schedule()
  }
  const schedule = (): void => {
    const { reannounce } = context.configuration
    if (reannounce === 0) return
    const stop = world.clock.after(reannounce, () => {
      cancels.delete(stop)
      again()
    })
    cancels.add(stop)
  }
  cancels.add(world.network.onNicChange(look) ?? (() => undefined))
  schedule()
  // It may be gone since before the watching began.
  cancels.add(world.clock.after(0, look))
  return cancel
}
