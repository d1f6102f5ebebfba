/** The cluster's own certificate authority: ECDSA P-256, one certificate per voter, valid for both ends of a connection. */
import 'reflect-metadata'
import type { webcrypto } from 'node:crypto'
import * as x509 from '@peculiar/x509'

const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const
const caYears = 10
const nodeYears = 5
/** Clocks of the voters may be behind the one that makes the certificates. */
const clockSlackMs = 86_400_000

/** PEM texts. */
export type KeyAndCertificate = { readonly certificate: string; readonly key: string }

export const createAuthority = async (cluster: string): Promise<KeyAndCertificate> => {
  const keys = await newKeys()
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    ...validity(caYears),
    serialNumber: serialNumber(),
    name: [{ CN: [`Baton cluster ${cluster}`] }],
    signingAlgorithm: algorithm,
    keys,
    extensions: [
      new x509.BasicConstraintsExtension(true, 0, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  })
  return { certificate: certificate.toString('pem'), key: await privatePem(keys) }
}

/** A certificate for a voter under its name, all its addresses, and loopback, where its own agent reaches it. */
export const createNodeCertificate = async (
  authority: KeyAndCertificate,
  voter: { readonly name: string; readonly addresses: readonly string[] },
): Promise<KeyAndCertificate> => {
  const keys = await newKeys()
  const issuer = new x509.X509Certificate(authority.certificate)
  const authorityKey = x509.PemConverter.decodeFirst(authority.key)
  const addresses = new Set([...voter.addresses, '127.0.0.1', '::1'])
  const certificate = await x509.X509CertificateGenerator.create({
    ...validity(nodeYears),
    serialNumber: serialNumber(),
    subject: [{ CN: [voter.name] }],
    issuer: issuer.subjectName,
    publicKey: keys.publicKey,
    signingKey: await crypto.subtle.importKey('pkcs8', authorityKey, algorithm, false, ['sign']),
    signingAlgorithm: algorithm,
    extensions: [
      new x509.BasicConstraintsExtension(false, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
      // Routes between log servers dial out and are dialled.
      new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.serverAuth, x509.ExtendedKeyUsage.clientAuth]),
      new x509.SubjectAlternativeNameExtension([
        { type: 'dns', value: voter.name },
        { type: 'dns', value: 'localhost' },
        ...[...addresses].map((value) => ({ type: 'ip' as const, value })),
      ]),
      await x509.AuthorityKeyIdentifierExtension.create(issuer),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  })
  return { certificate: certificate.toString('pem'), key: await privatePem(keys) }
}

const newKeys = (): Promise<webcrypto.CryptoKeyPair> => crypto.subtle.generateKey(algorithm, true, ['sign', 'verify'])

const privatePem = async ({ privateKey }: webcrypto.CryptoKeyPair): Promise<string> =>
  `${x509.PemConverter.encode(await crypto.subtle.exportKey('pkcs8', privateKey), 'PRIVATE KEY')}\n`

const validity = (years: number) => {
  const now = Date.now()
  const notAfter = new Date(now)
  notAfter.setFullYear(notAfter.getFullYear() + years)
  return { notBefore: new Date(now - clockSlackMs), notAfter }
}

/** 127 random bits: positive, as the standard wants it. */
const serialNumber = (): string => {
  const bytes = Buffer.from(crypto.getRandomValues(new Uint8Array(16)))
  bytes.writeUInt8((bytes.readUInt8(0) & 0x7f) | 0x40, 0)
  return bytes.toString('hex')
}
