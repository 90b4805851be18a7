import { examineLog, type LogExamination } from '../../commitlog/examine.ts';
import { makeDurableDirectory } from './durable-directory.ts';
import { SSTableRedo } from './sstable-redo.ts';
import type { Store, StoreOptions } from './store.ts';
import type { StoreMetadata } from './store-metadata.ts';
import { StoreRecovery } from './store-recovery.ts';
import { tableDirectory } from './table-directory.ts';

/**
 * How a shard comes back, in three steps that the node takes one after the other on all shards, since they share the tables'
 * directories:
 *
 *   1. redoTransactions   every shard finishes the SSTable exchanges that its log calls durable
 *   2. clearLeftovers     once, by one thread (clear-leftovers.ts): what no log vouches for is removed
 *   3. openStore          every shard opens the SSTables of its tablets and replays its log
 *
 * Each step may be cut by a crash and done again.
 */

/** A mutation of the log whose tablet is another shard's now, or came from the log of a shard that is no more. */
export interface StrayMutation {
  readonly shard: number;
  readonly bytes: Uint8Array;
}

export interface OpenedStore {
  readonly store: Store;
  /**
   * To be written again, synced, each on its shard; then `store.finishRecovery()`. Until then their segments stay. When all
   * shards have done that, `store.start()`.
   */
  readonly strays: readonly StrayMutation[];
  readonly replayedRecords: number;
}

/** Step 1. @throws CorruptFileError at damage of the log, UnsupportedFormatError, FileOperationError */
export async function redoTransactions(options: StoreOptions, metadata: StoreMetadata): Promise<void> {
  const redo = new SSTableRedo();
  await redo.read(options.files, examine(options));
  for (const { descriptor } of metadata.tables()) {
    const directory = tableDirectory(options.dataDirectory, descriptor);
    redo.apply(options.files, options.log, descriptor.id, directory);
  }
}

/** Step 3. @throws CorruptFileError at damage of the log, UnsupportedFormatError, FileOperationError */
export async function openStore(options: StoreOptions, metadata: StoreMetadata): Promise<OpenedStore> {
  const recovery = new StoreRecovery(options, metadata);
  await recovery.openTables();
  return recovery.replay(examine(options));
}

function examine(options: StoreOptions): LogExamination {
  makeDurableDirectory(options.files, options.commitlogDirectory);
  return examineLog({
    files: options.files,
    directory: options.commitlogDirectory,
    shard: options.shard,
    shardCount: options.shardCount,
    hostId: options.hostId,
    skipDamaged: options.skipDamagedLog,
  });
}
