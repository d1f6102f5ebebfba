/** `baton mirror resize`: both sides say how large they are, the log names a size, both grow, and the file system last. */
import { finishOrder } from '../../decisions/mirror-agent.ts'
import { mirrorConfigurationOf } from '../../decisions/mirror-pair.ts'
import { measureSide, mustMeasure, openResize, resizeMirror } from '../../decisions/resize-mirror.ts'
import type { PlaneStatus } from '../../mirror/process/sayings.ts'
import type { OpenOrder } from '../../projections/mirrors.ts'
import { bytesInWords } from '../../projections/wording.ts'
import type { World } from '../../world/world.ts'
import { growMounted } from '../resources/grow.ts'
import { done, failed, type OrdersParts, type Outcome } from './order-outcome.ts'

const measureMs = 15_000
/** A file system of many TiB on a busy disk. */
const fileSystemMs = 600_000
const none = { dataBytes: 0, mirroredBytes: 0, metadataBytes: 0, neededBytes: 0 }

/** Of either side, whoever the order is for: says how large it is, once, and that it could not grow. */
export const sizeUp = async ({ name, me, recorder, link }: OrdersParts, { growth }: PlaneStatus): Promise<void> => {
  const measuring = mustMeasure(recorder.state(), name, me)
  if (measuring !== null) {
    const answer = await link.order({ do: 'measure' }, measureMs)
    // Whoever has gone meanwhile is asked again.
    if (answer.answer === 'lost') return
    const sizes = answer.answer === 'done' ? sizesIn(answer.more) : none
    const because = answer.answer === 'done' ? '' : answer.because.slice(0, 500)
    const data = { mirror: name, server: me, ordered: measuring.sequence, ...sizes, because }
    await recorder.submit(`measure ${name}`, (state) => measureSide(state, data))
    // What was said before is of an order before this one.
    await link.refresh()
    return
  }
  const open = openResize(recorder.state(), name)
  if (open === null || growth?.because == null) return
  const detail = `${me} cannot grow: ${growth.because}`
  await recorder.submit(`finish ${name} ${open.sequence}`, (state) =>
    finishOrder(state, { mirror: name, ordered: open.sequence, outcome: 'failed', detail }),
  )
}

const sizesIn = (more: Readonly<Record<string, unknown>>): typeof none => {
  const of = (key: keyof typeof none): number => {
    const value = more[key]
    return typeof value === 'number' ? value : 0
  }
  return {
    dataBytes: of('dataBytes'),
    mirroredBytes: of('mirroredBytes'),
    metadataBytes: of('metadataBytes'),
    neededBytes: of('neededBytes'),
  }
}

/** The side that serves: null until it has grown, so that only the file system is left to `finish`. */
export const resize = async (
  { name, recorder }: OrdersParts,
  order: OpenOrder,
  status: PlaneStatus,
): Promise<Outcome | { readonly sizeBytes: number }> => {
  if (status.does !== 'serve')
    return failed('it is not served here any more: what the log has named is taken in all the same; order it again')
  const answer = resizeMirror(recorder.state(), name, order)
  switch (answer.answer) {
    case 'wait':
      return null
    case 'impossible':
      return failed(answer.because)
    case 'record':
      await recorder.submit(`resize ${name}`, (state) => {
        const again = resizeMirror(state, name, order)
        return again.answer === 'record' ? again.decision : null
      })
      return null
    case 'named':
      return status.dataBytes < answer.dataBytes ? null : { sizeBytes: status.dataBytes }
    default:
      return answer satisfies never
  }
}

/** Device and file system: `sizeBytes` are mirrored by now. */
export const growOnTop = async (
  world: World,
  { name, recorder, places }: OrdersParts,
  sizeBytes: number,
): Promise<Outcome> => {
  const mountPoint = mirrorConfigurationOf(recorder.state(), name)?.mountPoint
  if (mountPoint === undefined) return failed('it is configured no more')
  const limit = { timeoutMs: fileSystemMs, signal: new AbortController().signal }
  const grown = await growMounted(world, { places, mountPoint, sizeBytes }, limit)
  const has = `${bytesInWords(sizeBytes)} are mirrored`
  return grown.ok ? done(`${has}, ${grown.detail}`) : failed(`${has}, but not all of it is used: ${grown.because}`)
}
