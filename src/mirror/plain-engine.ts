/** A disk without a mirror, behind the same interface: for tests of front ends, and as what a mirror is measured by. */
import { performInBatches } from './batches.ts'
import type { Disk } from './disk.ts'
import type { BlockOperation, BlockRequest, Engine, ReadRequest, WriteRequest } from './engine-interface.ts'

export const plainEngine = (disk: Disk): Engine => ({
  get size() {
    return disk.size
  },
  blockBytes: disk.blockBytes,
  submit: (burst) =>
    performInBatches(burst, {
      transfer: (requests) => settleAll(disk, requests),
      alone: (request) => settle(request, () => applyTo(disk, request)),
    }),
})

const settleAll = (disk: Disk, requests: readonly (ReadRequest | WriteRequest)[]): void => {
  const outcomes = disk.transfer(requests)
  requests.forEach((request, index) => {
    if (outcomes[index] !== null) request.settle('EIO')
    else settle(request, () => request.do === 'write' && request.fua && disk.flush())
  })
}

const settle = (request: BlockRequest, run: () => void): void => {
  let isDone = false
  try {
    run()
    isDone = true
  } catch {
    // The asker is told; the disk's own words are on the kernel's log.
  }
  request.settle(isDone ? null : 'EIO')
}

/** Does to the disk what was asked. @throws DiskTrouble */
export const applyTo = (disk: Disk, operation: BlockOperation): void => {
  switch (operation.do) {
    case 'read':
      disk.read(operation.at, operation.into)
      return
    case 'write':
      disk.write(operation.at, operation.bytes)
      break
    case 'trim':
      disk.trim(operation.at, operation.length)
      break
    case 'zero':
      if (operation.mayUnmap) disk.trim(operation.at, operation.length)
      else disk.zero(operation.at, operation.length)
      break
    case 'flush':
      disk.flush()
      return
    default:
      operation satisfies never
      return
  }
  if (operation.fua) disk.flush()
}
