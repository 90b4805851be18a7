import { type Files, OpenMode } from '../core/ports/files.ts';
import type { LogChain } from './examine.ts';
import { comparePositions } from './replay-position.ts';

const BLOCK_BYTES = 1 << 20;

/**
 * Makes a log that was read back durable. After the death of a process its last records may stand in the page cache alone,
 * and a sync is not enough: if one of that process's had failed, the pages pass for clean and are never written. So whatever
 * lies after the last position that the log itself calls durable is written again, in place, before the sync.
 * Blocking. A crash on the way leaves what was there.
 * @throws FileOperationError
 */
export function makeDurable(files: Files, chain: LogChain): void {
  let durableSegmentId = 0;
  let durableOffset = 0;
  for (const { runs } of chain.kept) {
    for (const run of runs) {
      if (comparePositions(run.durableSegmentId, run.durableOffset, durableSegmentId, durableOffset) <= 0) continue;
      durableSegmentId = run.durableSegmentId;
      durableOffset = run.durableOffset;
    }
  }
  const largest = Math.max(0, ...chain.kept.map((segment) => segment.sizeBytes));
  const block = new Uint8Array(Math.min(BLOCK_BYTES, largest));
  for (const { file, end } of chain.kept) {
    if (file.segmentId < durableSegmentId) continue;
    const descriptor = files.open(file.path, OpenMode.ReadWrite);
    try {
      let at = file.segmentId === durableSegmentId ? durableOffset : 0;
      while (at < end) {
        const count = files.readSync(descriptor, block, 0, Math.min(block.length, end - at), at);
        if (count === 0) break; // the padding of the last batch may lie behind the end of the file
        files.writeSync(descriptor, block, 0, count, at);
        at += count;
      }
      files.fdatasyncSync(descriptor);
    } finally {
      files.close(descriptor);
    }
  }
}
