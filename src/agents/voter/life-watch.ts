/** Others know of every life that this voter has had: by what they echo, and by what stands on the log. */
import type { Incarnation } from '../../events/index.ts'
import type { Suspicions } from './suspicions.ts'
import type { VoterStore } from './voter-store.ts'

export type LifeWatchParts = {
  readonly store: Pick<VoterStore, 'lived' | 'outlive'>
  readonly suspicious: Suspicions
  /** This voter goes on in another life, which is on disk. */
  readonly outlived: (life: Incarnation) => void
}

/** Called with a life of this voter that somebody knows of; tells when its own store does not. */
export const lifeWatch =
  ({ store, suspicious, outlived }: LifeWatchParts) =>
  (life: Incarnation | undefined): void => {
    if (life === undefined) return
    if (store.lived(life))
      suspicious('its own voter.json does not know of a life that it has had: it is another store now')
    // Where the disk does not take it, whoever knows of that life says so again.
    store.outlive(life)?.then(outlived, () => {})
  }
