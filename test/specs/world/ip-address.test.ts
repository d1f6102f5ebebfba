import fc from 'fast-check'
import { expect, test } from 'vitest'
import { internetChecksum } from '../../../src/world/checksum.ts'
import { addressBytes, addressText, inSameSubnet, macText } from '../../../src/world/ip-address.ts'

const text = (from: string): string | null => {
  const bytes = addressBytes(from)
  return bytes && addressText(bytes)
}

test('addresses have one shortest form', () => {
  expect(text('10.0.0.1')).toBe('10.0.0.1')
  expect(text('FD00:0:0::0001')).toBe('fd00::1')
  expect(text('::')).toBe('::')
  expect(text('1:0:0:2:0:0:0:3')).toBe('1:0:0:2::3')
  expect(text('1:0:2:3:4:5:6:7')).toBe('1:0:2:3:4:5:6:7')
  expect(text('::ffff:10.1.2.3')).toBe('::ffff:a01:203')
  for (const none of ['', '10.0.0', '10.0.0.256', 'fd00::1::2', 'fe80::1%eth0', 'host']) expect(text(none)).toBeNull()
})

test('bytes and text are the same address', () => {
  const bytes = fc.oneof(
    fc.uint8Array({ minLength: 4, maxLength: 4 }),
    fc.uint8Array({ minLength: 16, maxLength: 16 }),
    fc.array(fc.constantFrom(0, 0, 0, 1), { minLength: 16, maxLength: 16 }).map((list) => Uint8Array.from(list)),
  )
  fc.assert(
    fc.property(bytes, (some) => {
      expect([...(addressBytes(addressText(some)) ?? [])]).toEqual([...some])
    }),
  )
})

test('subnets are compared bit by bit', () => {
  const within = (one: string, other: string, prefix: number) => {
    const [a, b] = [addressBytes(one), addressBytes(other)]
    return a !== null && b !== null && inSameSubnet(a, b, prefix)
  }
  expect(within('10.0.0.1', '10.0.0.200', 24)).toBe(true)
  expect(within('10.0.0.1', '10.0.1.1', 24)).toBe(false)
  expect(within('10.0.0.1', '10.0.1.1', 23)).toBe(true)
  expect(within('10.0.0.127', '10.0.0.128', 25)).toBe(false)
  expect(within('1.2.3.4', '200.1.1.1', 0)).toBe(true)
  expect(within('fd00::1', 'fd00::ffff', 64)).toBe(true)
  expect(within('fd00::1', 'fd00:0:0:1::1', 64)).toBe(false)
  expect(within('fd00::1', '10.0.0.1', 0)).toBe(false)
})

test('a packet with its checksum sums up to zero', () => {
  // The example of RFC 1071, 3.
  expect(internetChecksum(Buffer.from('0001f203f4f5f6f7', 'hex'))).toBe(0x220d)
  expect(internetChecksum(Buffer.from('0001f203f4f5f6f7220d', 'hex'))).toBe(0)
})

test('a MAC is written with colons', () => {
  expect(macText(Uint8Array.of(2, 0, 255, 16, 1, 0))).toBe('02:00:ff:10:01:00')
})
