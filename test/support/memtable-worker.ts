/** Reads a sealed memtable by its handle in a thread of its own, and answers with the count and checksum of its fragments. */
import { parentPort, workerData } from 'node:worker_threads';
import { RowBatch } from '../../core/read/row-batch.ts';
import { ALL_ROWS } from '../../core/read/slice.ts';
import { ALL_TOKENS } from '../../core/token.ts';
import { type MemtableHandle, SealedMemtable } from '../../shards/store/sealed-memtable.ts';
import { SlabViews } from '../../shards/store/slab-pool.ts';
import { MODEL_TABLE } from './partition-model.ts';

interface Job {
  readonly memory: SharedArrayBuffer;
  readonly handle: MemtableHandle;
}

const { memory, handle } = workerData as Job;
const source = SealedMemtable.open(new SlabViews(memory), handle, MODEL_TABLE);
const slice = { slices: [ALL_ROWS], isReversed: false, wantsRows: true, wantsStatics: true };
const cursor = source.openScan(ALL_TOKENS, slice);
const batch = new RowBatch(100);
let fragments = 0;
let checksum = 0;

function add(start: number, end: number): void {
  for (let i = start; i < end; i++) checksum = Math.imul(checksum ^ batch.bytes[i]!, 0x0100_0193);
}

for (batch.clear(); cursor.fill(batch) > 0; batch.clear()) {
  for (let i = 0; i < batch.count; i++) {
    checksum = Math.imul(checksum ^ batch.kind[i]!, 0x0100_0193);
    add(batch.positionStart[i]!, batch.positionEnd[i]!);
    add(batch.bodyStart[i]!, batch.bodyEnd[i]!);
    fragments++;
  }
}
cursor.close();
parentPort!.postMessage({ fragments, checksum });
