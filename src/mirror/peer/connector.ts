/**
 * Keeps one link to the other side over the best of several networks. One side connects, in order of priority, and goes
 * back to a better network when that answers again; the other side listens on all and takes the newest that has proved
 * itself. While either side keeps the link that it has, no other takes its place.
 */
import type { Cancel, Clock } from '../../world/world.ts'
import type { Frame } from './frame.ts'
import type { PeerLink } from './link.ts'

/** Opens a link over this path; the user is told when it stands and when it is over, which it may never do. */
export type OpenLink = (path: number, user: PathUser) => { readonly close: (because: string) => void }
export type PathUser = {
  readonly opened: (link: PeerLink) => void
  readonly received: (one: Frame) => void
  readonly paused: () => void
  readonly closed: (because: string) => void
}

export type LinkOwner = {
  readonly linkUp: (link: PeerLink, path: number) => void
  readonly received: (one: Frame) => void
  readonly paused: () => void
  readonly linkDown: (because: string) => void
  /** It would not survive the end of the link in use: not even a better one is wanted. */
  readonly keepsLink: () => boolean
}

export type ConnectorOptions = {
  /** In order of priority, the best first. */
  readonly paths: number
  /** One after the other: two that opened at once would replace each other. Then the next path is tried. */
  readonly attemptMs: number
  /** After all paths have failed. */
  readonly retryMs: number
  /** How often a better path than the one in use is tried. */
  readonly improveMs: number
}

/** Told to one that is not wanted. */
const keptBecause = 'the connection in use is kept'

/** The one link in use, whoever opened it. */
export class LinkSlot {
  readonly #owner: LinkOwner
  #link: { readonly link: PeerLink; readonly path: number } | null = null

  constructor(owner: LinkOwner) {
    this.#owner = owner
  }

  get path(): number | null {
    return this.#link?.path ?? null
  }

  /** The one in use stays. */
  get isKept(): boolean {
    return this.#link !== null && this.#owner.keepsLink()
  }

  /** What a link over this path has to call. The newest replaces the one in use, unless that is kept. */
  readonly user = (path: number, over: (because: string) => void = () => {}): PathUser => {
    let own: PeerLink | null = null
    return {
      opened: (link) => {
        if (this.isKept) {
          link.close(keptBecause)
          return
        }
        own = link
        const former = this.#link
        this.#link = null
        former?.link.close('another network is used now')
        if (former) this.#owner.linkDown('another network is used now')
        this.#link = { link, path }
        this.#owner.linkUp(link, path)
      },
      received: (one) => {
        if (own !== null && this.#link?.link === own) this.#owner.received(one)
      },
      paused: () => {
        if (own !== null && this.#link?.link === own) this.#owner.paused()
      },
      closed: (because) => {
        if (own !== null && this.#link?.link === own) {
          this.#link = null
          this.#owner.linkDown(because)
        }
        over(because)
      },
    }
  }

  /** Somebody connects. One that is not wanted is closed before it has proved anything: then that side keeps the one it has, too. */
  readonly accept = (path: number, link: (user: PathUser) => PeerLink): void => {
    const accepted = link(this.user(path))
    if (this.isKept) accepted.close(keptBecause)
  }

  readonly close = (because: string): void => this.#link?.link.close(because)
}

export const defaultConnector = { attemptMs: 1000, retryMs: 200, improveMs: 10_000 } as const

/** The connecting side; the accepting one needs no more than a slot. */
export const keepConnected = (clock: Clock, slot: LinkSlot, open: OpenLink, options: ConnectorOptions): Cancel => {
  let attempt: { readonly close: (because: string) => void } | null = null
  let isOver = false
  let timer: Cancel = () => {}

  const again = (delayMs: number, path: number): void => {
    timer()
    if (!isOver) timer = clock.after(delayMs, () => tryPath(path))
  }
  /** Only paths better than the one in use are tried, and none where that is kept. */
  const tryPath = (path: number): void => {
    if (slot.isKept || path >= (slot.path ?? options.paths)) {
      again(slot.path === null ? options.retryMs : options.improveMs, 0)
      return
    }
    let isSettled = false
    const user = slot.user(path, () => {
      // A link that stood and is over now: begin with the best. One that a better has replaced changes nothing.
      if (!isSettled) again(0, path + 1)
      else if (slot.path === null) again(0, 0)
      isSettled = true
    })
    attempt = open(path, {
      ...user,
      opened: (link) => {
        isSettled = true
        user.opened(link)
        again(options.improveMs, 0)
      },
    })
    const tried = attempt
    if (isSettled) return
    timer()
    timer = clock.after(options.attemptMs, () => tried.close(`path ${path} does not answer`))
  }
  tryPath(0)
  return () => {
    isOver = true
    timer()
    attempt?.close('this side ends')
    slot.close('this side ends')
  }
}
