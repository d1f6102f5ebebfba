/** From a connection to a whole mirror: what each side says it has, what is copied for that, and the log's word that both are equal. */
import type { Frame } from '../peer/frame.ts'
import type { Asker } from './asker.ts'
import type { PairState } from './authority.ts'
import type { BringUp } from './bring-up.ts'
import type { DiskCare } from './disk-care.ts'
import { Meeting, type Met, meet } from './meeting.ts'
import type { Side } from './standby.ts'
import type { Writes } from './writes.ts'

export type ReunionPort = {
  readonly side: Side
  readonly writes: Pick<Writes, 'again' | 'drain'>
  readonly bringUp: Pick<BringUp, 'forgetJoin' | 'hindrance' | 'run' | 'start' | 'toward'>
  readonly care: Pick<DiskCare, 'again'>
  readonly asker: Pick<Asker, 'askJoin'>
  readonly pair: () => PairState
  /** The log is being asked whether this side may go on alone. */
  readonly isBreaking: () => boolean
  readonly send: (frames: readonly Frame[]) => void
  /** Runs it; trouble with a disk ends the service. */
  readonly guard: (run: () => void) => void
  readonly become: (pair: PairState, because: string) => void
  readonly stop: (because: string) => void
  /** This side goes on alone once the log has it. */
  readonly goAlone: (because: string) => void
  /** From here on the other side may have everything. */
  readonly joining: () => void
  /** This side's own disks are in use. */
  readonly isAttached: () => boolean
  /** It has none, and the same process there is back: what it says is sent from here on. */
  readonly reunited: () => void
}

export class Reunion {
  readonly #port: ReunionPort
  #meeting: Meeting | null = null
  /** Of the other side, when writes were last acknowledged by it. */
  #session: string | null = null
  #isJoined = false

  constructor(port: ReunionPort) {
    this.#port = port
  }

  /** The log calls both sides equal, and the other one counts on nothing that it has not seen. */
  get isJoined(): boolean {
    return this.#isJoined
  }

  readonly linkUp = (): void => {
    this.#meeting = new Meeting(this.#port.side)
  }

  readonly linkDown = (): void => {
    this.#meeting = null
  }

  /** This side goes on alone: what the process there has acknowledged does not matter any more. */
  readonly forget = (): void => {
    this.#port.bringUp.forgetJoin()
    this.#session = null
  }

  readonly received = (one: Frame): void => {
    if (this.#meeting?.take(one)) this.meet()
  }

  /** Both states are known: what follows from it. */
  readonly meet = (): void => {
    const { side, bringUp, pair, isBreaking, isAttached, become, stop, goAlone } = this.#port
    const met = this.#meeting?.met
    if (!met || isBreaking()) return
    if (!isAttached()) {
      this.#goOnDetached(met)
      return
    }
    const { partition } = side
    const answer = meet(bringUp.toward(met.state), met, {
      isFresh: partition.dirty.marks.count === 0 && partition.intent.marks.count === 0,
      isSameSession: this.#session === met.state.session,
      isAlone: pair() === 'alone',
    })
    switch (answer.decision) {
      case 'stop':
        if (pair() !== 'alone') stop(answer.because)
        return
      case 'refuse':
      case 'break':
        if (answer.decision === 'refuse') become(pair(), answer.because)
        goAlone(answer.because)
        return
      case 'go-on':
        this.#goOn(met)
        return
      default:
        this.#startResync(met, answer.copy)
    }
  }

  /** It is about to know that it has everything, so this side may not go on alone without asking. */
  readonly joining = (): void => {
    this.#isJoined = false
    this.#port.joining()
  }

  /** It knows, durably. */
  readonly askJoin = (): void => {
    const { side, asker, pair, become, stop } = this.#port
    const generation = side.partition.state.generations.current
    become('paired', 'both sides have everything')
    if (generation === null) return
    asker.askJoin(generation, {
      answered: (answer) => {
        if (answer === 'refused') stop('the log refuses that both sides are equal')
        else this.#isJoined = true
      },
      isOver: () => pair() !== 'paired',
    })
  }

  /** The other side has everything but what is in flight: that is sent again, as it is on disk by now. */
  readonly #goOn = (met: Met): void => {
    const { writes, bringUp, care, pair, send, guard, become } = this.#port
    // A new process there has not seen what came before: the log must not count on it (X5).
    if (this.#session !== met.state.session) this.#isJoined = false
    this.#session = met.state.session
    bringUp.forgetJoin()
    const frames = writes.again()
    become('paired', 'both sides have everything')
    send(frames)
    care.again()
    // The other side saves this epoch with the first frame that it does: the log must not know of it before.
    if (!this.#isJoined) guard(() => writes.drain(() => pair() === 'paired' && this.askJoin()))
  }

  /** Its copy is the only one: only the very process that has all that was acknowledged may be gone on with. */
  readonly #goOnDetached = ({ state, objection }: Met): void => {
    const { side, writes, care, send, stop, reunited } = this.#port
    const isSame = state.session === this.#session && state.isConsistent
    if (objection !== null || !isSame || state.generations.current !== side.partition.state.generations.current) {
      stop(
        `without a disk of its own: ${objection ?? 'the other side was started anew, and may have forgotten something'}`,
      )
      return
    }
    reunited()
    send(writes.again())
    care.again()
  }

  readonly #startResync = (met: Met, wanted: 'differences' | 'everything'): void => {
    const { bringUp, pair, become } = this.#port
    const { hindrance } = bringUp
    if (hindrance !== null) {
      become(pair(), hindrance)
      return
    }
    this.#session = met.state.session
    const copy = bringUp.start(met, wanted)
    become('resyncing', copy === 'everything' ? 'everything is copied' : 'what differs is copied')
    bringUp.run()
  }
}
