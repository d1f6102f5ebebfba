/** PostgreSQL on the mirror disk of a cluster, and clients that go on committing, with an audit of what they were told. */
import type { Lab } from '../lab/lab.ts'
import { AuditedCommits } from './audited-commits.ts'
import { floating } from './configuration.ts'
import { MirrorCluster, type MirrorOptions, mountPoint } from './mirror-cluster.ts'
import { postgres } from './postgres.ts'

const resources = {
  address: { type: 'fip', address: `${floating}/24` },
  postgres: postgres({ mountPoint, address: floating, after: ['address', 'data'] }),
}
const sizeMiB = 160

export class MirrorDatabase extends MirrorCluster {
  override readonly enough = 5
  readonly commits = new AuditedCommits(this.cluster.lab.client, floating)

  static override async create(lab: Lab, options: MirrorOptions = {}): Promise<MirrorDatabase> {
    const { cluster, disks } = await MirrorCluster.create(lab, { sizeMiB, resources, ...options })
    return new MirrorDatabase(cluster, disks)
  }

  /** With clients that commit until this is disposed of. */
  override async start(): Promise<void> {
    await super.start()
    await this.commits.start()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.commits.stop()
  }

  override async written(): Promise<number> {
    return this.commits.count
  }

  override async forgetAcknowledged(): Promise<void> {
    this.commits.forget()
  }

  override expectNothingLost(): Promise<number> {
    return this.commits.expectNothingLost()
  }
}
