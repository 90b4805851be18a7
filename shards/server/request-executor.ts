import type { ByteWriter } from '../../core/bytes.ts';
import type { ThreadId } from '../../core/ports/mailbox.ts';
import type { BatchPlan, BoundValues, ResultColumn, StatementPlan } from '../../cql/plan/plan.ts';
import type { Consistency } from '../../cql/protocol/consistency.ts';
import type { SchemaChange } from '../../cql/protocol/event.ts';
import type { AbortCode } from '../request-scope.ts';

/**
 * The seam between the server, which knows sockets and frames, and the coordinator, which knows tablets, replicas and
 * consistency levels. The server plans a statement and hands it over with its values; the coordinator answers through the
 * request's completion.
 */

/** How a request wants to be carried out. One record per request slot, filled anew; valid until the completion is called. */
export interface RequestOptions {
  readonly consistency: Consistency;
  readonly serialConsistency: Consistency;
  /** Rows of a page; 0: all. */
  readonly pageSize: number;
  readonly pagingState: Uint8Array | undefined;
  /** The client's default timestamp; when absent the shard's clock gives one. */
  readonly hasTimestamp: boolean;
  readonly timestampHi: number;
  readonly timestampLo: number;
  /** Keyspace in use on the connection, '' for none. */
  readonly keyspace: string;
  /** The statement's text where it came as text, for DDL; '' else. */
  readonly text: string;
  /** The statement was prepared, which every shard heard of: none has to plan it again. */
  readonly isPrepared: boolean;
  /** True when the request came from another shard by `bounce`: it must not be bounced again. */
  readonly isBounced: boolean;
  /**
   * Why nobody waits for the answer any more, None while somebody does. It may change at any turn; reads look at it between pages
   * and slices, and end then.
   */
  readonly abortCode: AbortCode;
}

/**
 * Takes the one answer of one request. Exactly one method is called, once: within `execute` or in a later turn. Records are
 * pooled: nothing may be kept after the call.
 */
export interface Completion {
  /** Done, nothing to return. */
  done(warnings: readonly string[]): void;
  /** Rows in the protocol's form; copies `rows` before it returns. */
  rows(
    columns: readonly ResultColumn[],
    rowCount: number,
    rows: ByteWriter,
    pagingState: Uint8Array | undefined,
    warnings: readonly string[],
  ): void;
  /** DDL that changed something; DDL that found nothing to do is `done`. */
  schemaChanged(change: SchemaChange, warnings: readonly string[]): void;
  /** USE: the server binds the keyspace to the connection. */
  keyspaceSet(keyspace: string): void;
  /** Any error; `cql/protocol/error.ts` maps it. */
  failed(error: unknown): void;
  /**
   * Another shard coordinates this request: it must (a lightweight transaction belongs to the partition's shard), or it has all
   * the data. Called within `execute` only, while the frame is still there: the server sends the frame's body to that shard
   * and passes its answer through.
   * @param deadlineMs on the monotonic clock; without it the server's own limit, which is above every timeout of a request
   */
  bounce(to: ThreadId, deadlineMs?: number): void;
}

export interface RequestExecutor {
  /** Any plan but a batch. `values` are borrowed until `execute` returns. Never throws: errors go to the completion. */
  execute(plan: StatementPlan, values: BoundValues, options: RequestOptions, completion: Completion): void;
  /** A batch: one set of values per statement. */
  executeBatch(plan: BatchPlan, values: readonly BoundValues[], options: RequestOptions, completion: Completion): void;
}
