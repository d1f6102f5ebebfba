/** Commits as they come from a log that anybody may have written to: readable or not, never the end of a reader. */
import { strict as assert } from 'node:assert'
import fc from 'fast-check'
import { decodeCommit, encodeCommit, start, UnreadableCommit } from '../../../src/events/index.ts'
import { fold, initialState } from '../../../src/projections/state.ts'
import { recordedLog } from '../../recorded-log.ts'
import { anyEvent, commitOf, knownEvent } from '../arbitraries.ts'
import { damage, noise, type Target, target } from './target.ts'

const text = new TextDecoder()
const bytesOf = new TextEncoder()

/** What is readable is folded, whatever it says. */
const readAndFold = (bytes: string): void => {
  try {
    const { commit } = decodeCommit(bytes)
    fold(initialState, recordedLog([commit]))
  } catch (error) {
    assert.ok(error instanceof UnreadableCommit, String(error))
  }
}

/** Few of them, made once: to draw a commit takes longer than to read it. */
const samples = fc.sample(commitOf(knownEvent), { numRuns: 300, seed: 1 })
const encodedSamples = samples.map((commit) => encodeCommit(commit, start.hash))

export const commitTargets: readonly Target[] = [
  target('commits: any bytes', noise, (bytes) => readAndFold(text.decode(bytes))),
  target('commits: any JSON', fc.json(), readAndFold),
  target('commits: damaged', fc.tuple(fc.constantFrom(...encodedSamples), damage), ([commit, harm]) =>
    readAndFold(text.decode(harm(bytesOf.encode(commit)))),
  ),
  target('commits: well-formed, in any order', fc.array(commitOf(anyEvent), { maxLength: 6 }), (commits) => {
    fold(initialState, recordedLog(commits))
  }),
]
