import type { Finding, Rule } from '../source.ts'

/** Written in pieces, so that this file does not contain what it looks for. */
const join = (...parts: readonly string[]): string => parts.join('')
const dot = '\\.'

type Word = { readonly pattern: RegExp; readonly what: string; readonly instead: string; readonly skip?: RegExp }

const notOurs = 'what the configuration of the machine says, or nothing'
const words: readonly Word[] = [
  // The hashes of a lock file may spell anything.
  {
    pattern: new RegExp(`\\b(?:${join('FIX', 'ME')}|${join('TO', 'DO')}|${join('X', 'XX')})\\b`),
    what: 'an unfinished piece',
    instead: 'the finished piece, or a sentence that says what is absent',
    skip: /^package-lock\.json$/,
  },
  {
    pattern: new RegExp(join('(?<![\\w.-])/wo', 'rk/')),
    what: 'a path of one machine',
    instead: 'a path relative to the project',
  },
  { pattern: new RegExp(join('registry', dot, 'np', 'mjs')), what: 'the host of a registry', instead: notOurs },
  {
    pattern: new RegExp(join('\\bdeb', dot, 'deb', 'ian', dot, 'org')),
    what: 'the host of a mirror',
    instead: notOurs,
  },
]

export const wordsOfMachines: Rule = (source) => {
  const findings: Finding[] = []
  const wanted = words.filter(({ skip }) => skip === undefined || !skip.test(source.path))
  for (const [index, text] of source.text.split('\n').entries()) {
    for (const { pattern, what, instead } of wanted) {
      if (pattern.test(text)) findings.push({ path: source.path, line: index + 1, what, instead })
    }
  }
  return findings
}
