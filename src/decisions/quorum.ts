/** Majorities of voters. */
import type { VoterName } from '../events/index.ts'

export const majorityOf = (voters: readonly VoterName[]): number => Math.floor(voters.length / 2) + 1
