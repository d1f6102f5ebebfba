/** Every replica's stream is a prefix of the one log: the same bytes at the same place. In a pair, what stands is on both. */
import type { Invariant, Scene } from '../scene.ts'

export const oneLog: Invariant = {
  name: 'replicas agree',
  watch: (scene) => (scene.pair === null ? replicas(scene) : copies(scene)),
}

const replicas = ({ committed, group, violate }: Scene): ReturnType<Invariant['watch']> => ({
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
})

/** The copies may differ in what does not stand yet; and what stood once is there, or in a file of whoever gave it up. */
const copies = ({ chronicle, cluster, group, state, violate }: Scene): ReturnType<Invariant['watch']> => ({
  settled: () => {
    const { committed, setAside } = chronicle
    for (const [name, { stream }] of group.stores) {
      const at = committed.findIndex(({ bytes }, place) => stream[place]?.bytes !== bytes)
      if (at >= 0) violate(`commit ${at + 1} stands, and the copy of ${name} has another there, or nothing`)
    }
    const files = [...cluster.hosts.values()].flatMap(({ disk }) =>
      disk.list(logs).flatMap((name) => (name.startsWith('set-aside-') ? [disk.read(`${logs}/${name}`) ?? ''] : [])),
    )
    for (const { position, commit } of setAside)
      if (!files.some((text) => text.includes(commit.id)))
        violate(`commit ${position.sequence} was told to stand, and is neither on the log nor in a file`)
    if (state().logSides.isAlone) violate('both servers are well, and the log is with one of them alone')
  },
})

const logs = '/var/lib/baton/log'
