/** Every replica's stream is a prefix of the one log: the same bytes at the same place. */
import type { Invariant } from '../scene.ts'

export const oneLog: Invariant = {
  name: 'replicas agree',
  watch: ({ committed, group, violate }) => ({
    applied: (host, sequence, bytes) => {
      const known = committed[sequence - 1]
      if (known === undefined || known.bytes !== bytes)
        violate(`the replica of ${host} has another commit ${sequence} than the log`)
    },
    settled: () => {
      for (const [name, store] of group.stores)
        if (!store.stream.every(({ bytes }, at) => committed[at]?.bytes === bytes))
          violate(`the replica of ${name} is no prefix of the log`)
    },
  }),
}
