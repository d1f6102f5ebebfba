/** Majorities of voters, and the change of voters that may be in flight (rule 10). */
import type { VoterName } from '../events/index.ts'

export const majorityOf = (voters: readonly VoterName[]): number => Math.floor(voters.length / 2) + 1

/** A change of voters in flight: who is to vote, since which commit, which servers count both lists already. */
export type VoterChange = {
  readonly to: readonly VoterName[]
  readonly sequence: number
  readonly acknowledgedBy: readonly string[]
}
export type Electorates = { readonly voters: readonly VoterName[]; readonly change: VoterChange | null }

/** Everybody who votes now or is to. */
export const votersOfBoth = ({ voters, change }: Electorates): readonly VoterName[] => [
  ...new Set([...voters, ...(change?.to ?? [])]),
]
