import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { clipped, formatAlert, longestDatagram, type SyslogIdentity } from '../../../src/agents/alerts/syslog-format.ts'
import { timestampOf } from '../../../src/agents/alerts/timestamp.ts'
import { sequence, voterName, wallTime } from '../../../src/events/index.ts'
import { someAlert } from './some-alerts.ts'

const identity: SyslogIdentity = { facility: 'daemon', hostname: 's1.example', processId: 812, cluster: 'demo' }
const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString('utf8')

describe('RFC 5424', () => {
  test('is followed to the byte', () => {
    expect(text(formatAlert('rfc5424', someAlert, identity))).toBe(
      '<27>1 2026-11-20T16:08:53.007Z s1.example baton 812 rc/32 ' +
        '[baton@32473 cluster="demo" seq="123" id="rc/32" server="s1"] ' +
        '\uFEFFActivating app resource has failed.(99 : command is timeout)',
    )
  })

  test.each([
    ['daemon', 'info', '<30>1 '],
    ['local0', 'warning', '<132>1 '],
    ['local7', 'error', '<187>1 '],
  ] as const)('facility %s and severity %s make the priority %s', (facility, severity, priority) => {
    const message = text(formatAlert('rfc5424', { ...someAlert, severity }, { ...identity, facility }))
    expect(message.startsWith(priority)).toBe(true)
  })

  test('values of the structure are escaped: quote, backslash, closing bracket', () => {
    const message = text(formatAlert('rfc5424', { ...someAlert, server: null }, { ...identity, cluster: 'a"b\\c]d' }))
    expect(message).toContain('[baton@32473 cluster="a\\"b\\\\c\\]d" seq="123" id="rc/32"] ')
  })

  test('what is not known is a dash', () => {
    const message = text(formatAlert('rfc5424', { ...someAlert, at: wallTime(1e15) }, { ...identity, hostname: ' ' }))
    expect(message.startsWith('<27>1 - - baton 812 ')).toBe(true)
  })
})

describe('the form of syslog(3)', () => {
  test('is what readers of /dev/log take apart, and keeps the structure as text', () => {
    expect(text(formatAlert('local', someAlert, identity))).toBe(
      '<27>baton[812]: rc/32 Activating app resource has failed.(99 : command is timeout) ' +
        '[baton@32473 cluster="demo" seq="123" id="rc/32" server="s1"]',
    )
  })
})

describe('any alert', () => {
  const anyText = fc.string({ unit: 'binary', maxLength: 5000, size: 'max' })
  const input = fc.record({
    form: fc.constantFrom('rfc5424' as const, 'local' as const),
    message: anyText,
    hostname: anyText,
    cluster: anyText,
    server: fc.option(anyText.map(voterName), { nil: null }),
    at: fc.maxSafeNat().map(wallTime),
    seq: fc.maxSafeNat().map(sequence),
  })

  test('fits into a datagram, is UTF-8 and keeps its structure, whatever it says', () => {
    fc.assert(
      fc.property(input, ({ form, message, hostname, cluster, server, at, seq }) => {
        const alert = { ...someAlert, message, server, at, sequence: seq }
        const bytes = formatAlert(form, alert, { ...identity, hostname, cluster })
        expect(bytes.length).toBeLessThanOrEqual(longestDatagram)
        const read = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)
        expect(read).toMatch(
          form === 'local' ? /^<27>baton\[812\]: rc\/32 / : /^<27>1 [!-~]+ [!-~]+ baton 812 rc\/32 \[/,
        )
        expect(read).toContain(`seq="${seq}" id="rc/32"`)
      }),
    )
  })

  test('is cut between characters', () => {
    expect(clipped('äöü', 6)).toBe('äöü')
    expect(clipped('äöü', 5)).toBe('ä…')
    expect(clipped('ääää', 6)).toBe('ä…')
    expect(clipped('😀😀', 7)).toBe('😀…')
    expect(clipped('😀😀', 6)).toBe('…')
  })
})

test('timestamps are those of RFC 3339', () => {
  expect(timestampOf(wallTime(0))).toBe('1970-01-01T00:00:00.000Z')
  expect(timestampOf(wallTime(951_782_400_000))).toBe('2000-02-29T00:00:00.000Z')
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 253_402_300_799_999 }), (ms) => {
      expect(timestampOf(wallTime(ms))).toBe(new Date(ms).toISOString())
    }),
    { numRuns: 1000 },
  )
  expect(timestampOf(wallTime(253_402_300_800_000))).toBeNull()
})
