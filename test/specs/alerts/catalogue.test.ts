import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { adviceOn } from '../../../src/projections/alert-advice.ts'
import { catalogue, longestMessage, type MessageName, textOf } from '../../../src/projections/alert-catalogue.ts'

const read = (path: string): string => readFileSync(new URL(`../../../${path}`, import.meta.url), 'utf8')
const messages = Object.values(catalogue)
const name = ({ module, id }: { readonly module: string; readonly id: number }) => `${module}/${id}`

test('no two messages have the same module and id', () => {
  expect(new Set(messages.map(name)).size).toBe(messages.length)
})

test('messages stay what they were: people filter by them (a new one is added to the golden list)', () => {
  const golden = read('test/golden/alert-catalogue.txt').trimEnd().split('\n')
  expect(messages.map((message) => `${name(message)} ${message.severity} ${message.text}`)).toEqual(golden)
})

test('the messages of stalled resources are those that operators know', () => {
  expect(textOf('activationStalled', ['exec1'])).toBe('Activating exec1 resource has failed.(99 : command is timeout)')
  expect(textOf('deactivationStalled', ['exec1'])).toBe('Stopping exec1 resource has failed.(99 : command is timeout)')
  expect(name(catalogue.activationStalled)).toBe('rc/32')
  expect(name(catalogue.deactivationStalled)).toBe('rc/42')
})

test('docs/alerts.md lists every message as it is, and says what to do', () => {
  const rows = read('docs/alerts.md')
    .split('\n')
    .map((line) => line.split('|').map((cell) => cell.trim()))
    .filter((cells) => cells.length === 7 && /^\d+$/.test(cells[2] ?? ''))
  expect(rows.map(([, module, id, severity, text]) => `${module}/${id} ${severity} ${text}`)).toEqual(
    messages.map((message) => `${name(message)} ${message.severity} ${message.text}`),
  )
  for (const row of rows) expect(row[5]).toMatch(/^\S.{6,}\.$/)
  // As `baton alerts --verbose` says it.
  const plain = (words = '') => words.replaceAll(/\[([\w.-]+\.md)\]\(\1\)/g, 'docs/$1')
  expect(rows.map((row) => plain(row[5]))).toEqual(messages.map(adviceOn))
})

test('values are put in once: what looks like a placeholder in one stays as it is', () => {
  expect(textOf('monitorSuspended', ['%2', '%3', 'root'])).toBe('Monitor %2 has been suspended on %3 by root.')
})

test('a message is one line, whatever its values bring along', () => {
  expect(textOf('anomaly', ['a\nb\r\n\u001b[31mc\u2028d'])).toBe('The log contradicts itself.(a b [31mc d)')
})

test('a message is cut where it would weigh too much, between characters', () => {
  for (let pad = 0; pad < 3; pad++) {
    const message = textOf('anomaly', [`${'x'.repeat(pad)}${'😀'.repeat(100_000)}`])
    expect(message.length).toBeLessThanOrEqual(longestMessage)
    expect(message.isWellFormed()).toBe(true)
  }
})

test('every message can be told without its values', () => {
  for (const one of Object.keys(catalogue)) expect(textOf(one as MessageName, [])).not.toMatch(/%\d/)
})
