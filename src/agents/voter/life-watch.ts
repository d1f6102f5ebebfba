/** Others know of every life that this voter has had: by what they echo, and by what stands on the log. */
import type { Incarnation } from '../../events/index.ts'
import type { Suspicions } from './suspicions.ts'
import type { VoterStore } from './voter-store.ts'

/** Called with a life of this voter that somebody knows of; tells when its own store does not. */
export const lifeWatch =
  ({ store, suspicious }: { readonly store: Pick<VoterStore, 'lived'>; readonly suspicious: Suspicions }) =>
  (life: Incarnation | undefined): void => {
    if (life !== undefined && store.lived(life))
      suspicious('its own voter.json is from a backup: it is another store now')
  }
