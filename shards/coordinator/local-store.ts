import type { TableId } from '../../core/ids.ts';
import type { RowSource } from '../../core/read/row-source.ts';

/** Called once per write, with the number that came with it: within `write` or later. */
export type WriteDone = (context: number, error: Error | undefined) => void;

/** What a coordinator asks of the tablets of its own shard; `shards/store/store.ts` is it. */
export interface LocalStore {
  /**
   * Logs and applies one frozen mutation that was checked and whose token this shard owns. Copies the bytes before it
   * returns. `done` is called when the log's sync mode allows the answer, or `forceSync` its own fdatasync; with an error that
   * says by its code whether the outcome is known: OVERLOADED (nothing was done), WRITE_TIMEOUT, FILE_OPERATION.
   */
  write(
    bytes: Uint8Array,
    start: number,
    end: number,
    forceSync: boolean,
    deadlineMs: number,
    done: WriteDone,
    context: number,
  ): void;
  /** This shard's part of a table, or undefined when the shard does not know the table. */
  source(table: TableId): RowSource | undefined;
  /** Drops everything of the table that was written before the call. Resolves when that is durable. */
  truncate(table: TableId): Promise<void>;
}
