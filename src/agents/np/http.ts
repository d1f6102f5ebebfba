/** NP resolution by HTTP (N2): which web servers can be reached from here. */
import type { World } from '../../world/world.ts'

/** What a server that is there answers, though it may not like the question. */
const troubleFrom = 500

/** The URLs that answered a HEAD within `timeoutMs`, in the order given; `ca` is the path of a PEM file. */
export const answeringUrls = async (
  world: Pick<World, 'http' | 'files'>,
  {
    urls,
    timeout,
    ca,
  }: { readonly urls: readonly string[]; readonly timeout: number; readonly ca?: string | undefined },
): Promise<string[]> => {
  const authorities = ca === undefined ? null : await world.files.read(ca)
  if (ca !== undefined && authorities === null) throw new Error(`npResolution.http.ca: there is no ${ca}`)
  const isAnswering = async (url: string): Promise<boolean> => {
    const pinned = authorities === null ? {} : { ca: authorities }
    const answer = await world.http.ask({ method: 'HEAD', url, timeoutMs: timeout, ...pinned }).catch(() => null)
    return answer !== null && answer.status < troubleFrom
  }
  const answers = await Promise.all(urls.map(isAnswering))
  return urls.filter((_, index) => answers[index])
}
