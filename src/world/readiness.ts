/**
 * Tells when a descriptor that Node cannot watch (a pidfd, a raw socket) becomes readable: one epoll for all of them,
 * waited for in one thread of the pool. While something is watched, the event loop stays alive.
 */
import {
  addToEpoll,
  clearEventfd,
  createEpoll,
  createEventfd,
  removeFromEpoll,
  signalEventfd,
  waitForEpoll,
} from './libc.ts'
import type { Cancel } from './world.ts'

// The wait is ended by the eventfd; this only bounds what a lost wake-up could cost.
const longestWaitMs = 500

class Readiness {
  readonly #epoll = createEpoll()
  readonly #wake = createEventfd()
  readonly #watched = new Map<number, () => void>()
  #isWaiting = false

  constructor() {
    addToEpoll(this.#epoll, this.#wake)
    // At its exit the process joins the pool's threads: the waiting one must be let go.
    process.on('exit', () => signalEventfd(this.#wake))
  }

  /** Level-triggered: `ready` reads everything there is, or cancels. */
  watch(fd: number, ready: () => void): Cancel {
    addToEpoll(this.#epoll, fd)
    this.#watched.set(fd, ready)
    this.#wait()
    return () => {
      if (this.#watched.get(fd) !== ready) return
      this.#watched.delete(fd)
      removeFromEpoll(this.#epoll, fd)
      if (this.#watched.size === 0) signalEventfd(this.#wake)
    }
  }

  #wait(): void {
    if (this.#isWaiting || this.#watched.size === 0) return
    this.#isWaiting = true
    waitForEpoll(this.#epoll, longestWaitMs, (fds) => {
      this.#isWaiting = false
      for (const fd of fds) {
        if (fd === this.#wake) clearEventfd(fd)
        else this.#watched.get(fd)?.()
      }
      this.#wait()
    })
  }
}

let shared: Readiness | undefined
/** Calls `ready` whenever `fd` is readable. Cancel before closing `fd`. @throws SystemCallFailed */
export const onReadable = (fd: number, ready: () => void): Cancel => {
  shared ??= new Readiness()
  return shared.watch(fd, ready)
}
