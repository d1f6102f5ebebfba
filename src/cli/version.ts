import { readFileSync } from 'node:fs'

/** The release, from package.json, which stands two folders up both in src and in dist. */
export const version: string = (() => {
  const description: unknown = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'))
  return typeof description === 'object' && description !== null && 'version' in description
    ? String(description.version)
    : 'unknown'
})()
