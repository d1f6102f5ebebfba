/** How values are worded in alerts. */
import type { Verdict } from '../events/index.ts'

/** `operator:root` and `server:s1` as people say it. */
export const authorInWords = (by: string): string => by.replace(/^operator:/, '').replace(/^server:/, 'server ')

export const secondsOf = (ms: number): string => String(Math.round(ms) / 1000)

export const listed = (names: readonly string[]): string => (names.length === 0 ? 'none' : names.join(', '))

/** `s1: unfit, a path is lost; s2: …` */
export const verdictsInWords = (verdicts: readonly Verdict[]): string =>
  verdicts.length === 0
    ? 'no server was looked at'
    : verdicts.map(({ server, fit, because }) => `${server}: ${because || fit}`).join('; ')

export const whyChosen = (verdicts: readonly Verdict[]): string =>
  verdicts.find(({ fit }) => fit === 'chosen')?.because || 'no reason given'

export const placeInWords = (server: string | null): string => (server === null ? 'every server' : `server ${server}`)
