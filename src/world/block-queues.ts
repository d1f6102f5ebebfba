/** Where the kernel tells what a block device can do. */

/**
 * Below the folder of a device in /sys/dev/block. A partition has no queue of its own: its disk's is one folder up. The first
 * that is there counts.
 */
export const queueFoldersOf = (place: string): readonly string[] => [`${place}/queue`, `${place}/../queue`]
