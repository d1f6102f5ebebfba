/** Rules of a mirror, each broken on purpose, that chance comes to too rarely: what their scenes see. */
import type { MirrorMutant } from './mutants.ts'

/** What was acknowledged is not there, or what was trimmed is there again. */
export const lost = /though .* was acknowledged|which was gone|differ/

export const mutantsInScenes: readonly MirrorMutant[] = [
  {
    name: 'what is sent again is not marked anew',
    rule: 'mirror.md: no ACK is believed beyond a power loss',
    file: 'mirror/engine/writes.ts',
    find: "if (one.kind !== 'flush' && this.#port.isAttached()) this.intents.begin([one], one.sequence)",
    instead: '',
    seenBy: lost,
    scene: 'what is sent again is lost with its power',
  },
  {
    name: 'what was copied counts before it is flushed',
    rule: 'mirror.md: no ACK is believed beyond a power loss',
    file: 'mirror/engine/resync.ts',
    find: 'this.#arrived.push(...arrived)',
    instead: `this.#arrived.push(...arrived)
    for (const { first, count } of arrived)
      for (let block = first; block < first + count; block++) this.#doneBytes += this.#clean(block)`,
    seenBy: lost,
    scene: 'a side that is brought up loses its power in the midst of it',
  },
  {
    name: 'the source does not flush what it copies',
    rule: 'mirror.md: no ACK is believed beyond a power loss',
    file: 'mirror/engine/resync.ts',
    find: 'this.#port.data.flush()',
    instead: '',
    seenBy: lost,
    scene: 'a side that has brought the other up loses its power',
  },
  {
    name: 'a standby does not flush when it leaves',
    rule: 'mirror.md: no ACK is believed beyond a power loss',
    file: 'mirror/engine/standby.ts',
    find: "this.#side.data.flush()\n    this.#side.partition.save({ ...this.#side.partition.state, role: 'idle' })",
    instead: "this.#side.partition.save({ ...this.#side.partition.state, role: 'idle' })",
    seenBy: lost,
    scene: 'a side that followed has left, loses its power, and is wanted',
  },
  {
    name: 'a standby flushes neither when it leaves nor before it serves, and may serve again though nobody has confirmed that',
    rule: 'mirror.md: no ACK is believed beyond a power loss',
    file: 'mirror/engine/active.ts',
    find: '// What it had acknowledged as standby has no marks here.\n    side.data.flush()',
    instead: '',
    also: [
      {
        file: 'mirror/engine/standby.ts',
        find: "this.#side.data.flush()\n    this.#side.partition.save({ ...this.#side.partition.state, role: 'idle' })",
        instead: "this.#side.partition.save({ ...this.#side.partition.state, role: 'idle' })",
      },
      {
        file: 'mirror/engine/activation.ts',
        find: "if (state.role === 'active' && !log.wasLast)",
        instead: "if (state.role === 'active' && !log.wasLast && boot === '')",
      },
      {
        file: 'decisions/mirror-fitness.ts',
        find: "if (seen.role === 'active')",
        instead: "if (seen.role === 'active' && server === '')",
      },
    ],
    seenBy: lost,
    scene: 'a side that followed takes over, and loses its power before the log knows',
  },
  {
    name: 'a restarted standby is no longer doubted once it follows again',
    rule: 'mirror.md: no ACK is believed beyond a power loss',
    file: 'mirror/engine/standby.ts',
    find: "state.role === 'active' || (state.role === 'standby' && state.boot !== side.boot)",
    instead: "state.role === 'active'",
    seenBy: lost,
    scene: 'a side that followed was restarted and follows again, before the log knows',
  },
  {
    name: 'a copy that calls itself a mixture may serve',
    rule: 'mirror.md: the stale side is inconsistent',
    file: 'mirror/engine/activation.ts',
    find: "if (isDoubtful && current !== null && !state.isConsistent && state.role !== 'active')",
    instead: "if (isDoubtful && current === null && !state.isConsistent && state.role !== 'active')",
    also: [
      {
        file: 'decisions/mirror-fitness.ts',
        find: 'if (!seen.isConsistent) return',
        instead: "if (!seen.isConsistent && server === '') return",
      },
    ],
    seenBy: lost,
    scene: 'a side that followed was restarted and follows again, before the log knows',
  },
  {
    name: 'both are called equal though one has marks',
    rule: 'mirror.md: resync copies dirty and intent regions',
    file: 'mirror/engine/meeting.ts',
    find: 'state.isConsistent && runs.length === 0',
    instead: 'state.isConsistent',
    also: [
      {
        file: 'mirror/engine/standby.ts',
        find: "state.role === 'active' || (state.role === 'standby' && state.boot !== side.boot)",
        instead: "state.role === 'standby' && state.boot !== side.boot",
      },
    ],
    seenBy: lost,
    scene: 'a data plane dies with writes that only it has, and follows the other side',
  },
  {
    name: 'the standby does not save a newer epoch',
    rule: 'mirror.md: a copy that claims an older generation than the log knows is stale',
    file: 'mirror/engine/standby.ts',
    find: 'if (epoch > partition.state.epoch) partition.save({ ...partition.state, epoch, copyTo: null })',
    instead: 'if (epoch < 0) partition.save({ ...partition.state, epoch, copyTo: null })',
    seenBy: /copied in vain/,
    scene: 'a group is moved, and the cluster stopped and started',
  },
]
