import type { ByteWriter } from '../../core/bytes.ts';
import type { MutationList } from '../../core/mutation/mutation-list.ts';
import type { ReadCommand } from '../../core/read/read-command.ts';
import type { RowBatch } from '../../core/read/row-batch.ts';
import type { TableDescriptor } from '../../core/schema/table.ts';
import type { CqlType } from '../../core/types/cql-type.ts';

/**
 * What a statement becomes: parsed once, resolved against one version of the schema once (`planStatement`), then bound to
 * values many times. Plans are pure: they turn values into storage commands (frozen mutations, read commands) and rows into
 * results; the coordinator carries the commands out. A plan lives until its table changes.
 */
export const PlanKind = { Select: 1, Modify: 2, Batch: 3, Schema: 4, Use: 5, Truncate: 6 } as const;
export type PlanKind = (typeof PlanKind)[keyof typeof PlanKind];

/** A bind marker: the name that drivers bind by (cql-protocol §7.3) and the type of its values. */
export interface BindMarker {
  readonly name: string;
  readonly type: CqlType;
}

/** A column of a result. */
export interface ResultColumn {
  readonly keyspace: string;
  readonly table: string;
  readonly name: string;
  readonly type: CqlType;
}

/** What PREPARE answers about a statement. */
export interface PreparedShape {
  readonly keyspace: string;
  readonly table: string;
  readonly markers: readonly BindMarker[];
  /** For each partition-key column the marker that gives it, or empty when any has no plain marker. */
  readonly partitionKeyMarkers: readonly number[];
  /** Columns of the rows it returns; undefined when it returns none. */
  readonly resultColumns: readonly ResultColumn[] | undefined;
  /** An LWT: bit 31 of the bind metadata's flags for drivers that asked (cql-protocol §10.2). */
  readonly isConditional: boolean;
  /** Texts for the warnings of the answer, known at prepare. */
  readonly warnings: readonly string[];
}

export const NULL_VALUE = -1;
export const UNSET_VALUE = -2;

/**
 * The values of one request, where they lie in the request's frame: value i is bytes[starts[i], starts[i] + lengths[i]);
 * a length of NULL_VALUE or UNSET_VALUE says so. Borrowed: valid until the request's synchronous part ends, so a plan
 * copies what it keeps. `cql/protocol/request.ts` fills it; named values are put in marker order before.
 */
export interface BoundValues {
  readonly bytes: Uint8Array;
  readonly starts: Int32Array;
  readonly lengths: Int32Array;
  readonly count: number;
}

/** The world as one execution sees it; one evaluation for all of it. */
export interface ExecutionContext {
  /** Default write timestamp: the request's, else the shard's clock; strictly later for each write of a shard. */
  readonly timestampHi: number;
  readonly timestampLo: number;
  /** Wall clock of the coordinator, for TTL and for functions. */
  readonly nowUs: number;
  /** 16 fresh bytes for uuid() and now(). */
  randomBytes(target: Uint8Array): void;
  /** A version-1 UUID, later than every one given before on this shard, for now() and list paths. */
  timeUuid(target: Uint8Array, at: number): void;
}

export interface SelectOptions {
  /** Rows of a page; 0: everything in one answer. */
  readonly pageSize: number;
  /** The opaque state of an earlier page of the same statement, or undefined. @see cql/protocol/paging-state.ts */
  readonly pagingState: Uint8Array | undefined;
  /** SERIAL and LOCAL_SERIAL need one partition. */
  readonly isSerial: boolean;
}

export interface SelectPlan extends PreparedShape {
  readonly kind: typeof PlanKind.Select;
  readonly descriptor: TableDescriptor;
  readonly resultColumns: readonly ResultColumn[];
  /** @throws InvalidRequestError for values that do not fit, and for a paging state that is damaged, forged or of another statement */
  bind(values: BoundValues, options: SelectOptions, context: ExecutionContext): BoundSelect;
  /** USING TIMEOUT in milliseconds, or undefined. */
  timeoutMs(values: BoundValues): number | undefined;
}

/** One execution of a SELECT: reads what `command` asks for, feeds the rows, takes the result. */
export interface BoundSelect {
  /** Undefined when nothing can match (an empty IN list): no read is needed. */
  readonly command: ReadCommand | undefined;
  /**
   * Takes a batch of live fragments (`core/read/live-cursor.ts`), in the order of the command. False: enough, the page or
   * limit is full. Copies what it keeps.
   */
  accept(batch: RowBatch): boolean;
  /**
   * True when nothing more of the partition that the last accepted batch ended in is wanted (DISTINCT, PER PARTITION LIMIT): the
   * reader may skip its rest. A hint: rows that come all the same are passed over.
   */
  readonly skipsPartition: boolean;
  /** No more rows will come; `exhausted` false when there are more that `accept` refused or the read stopped early. */
  finish(exhausted: boolean): void;
  readonly rowCount: number;
  /** The rows as the protocol sends them: for each cell [int] length and bytes. Valid after `finish`. */
  readonly rows: ByteWriter;
  /** Set when there are more pages. */
  readonly pagingState: Uint8Array | undefined;
  /** The result was sent, or is not wanted: the object and its buffers may be used again for another execution. Need not be called. */
  release(): void;
}

export interface ModifyPlan extends PreparedShape {
  readonly kind: typeof PlanKind.Modify;
  readonly descriptor: TableDescriptor;
  /** True when values of the rows must be read first: list elements by index, removal from lists. Conditional statements too. */
  readonly needsRead: boolean;
  /** Appends the mutations of an unconditional statement that needs no read. @throws InvalidRequestError */
  bind(values: BoundValues, context: ExecutionContext, out: MutationList): void;
  /** For statements with needsRead or isConditional: what to read, then decide. */
  bindReadModify(values: BoundValues, context: ExecutionContext): BoundReadModify;
  timeoutMs(values: BoundValues): number | undefined;
}

/** A write that depends on what is there: conditional statements and list operations by index. */
export interface BoundReadModify {
  /** All of one partition for conditional statements. */
  readonly command: ReadCommand;
  /** Takes the live rows of `command`. */
  accept(batch: RowBatch): void;
  /**
   * Judges the conditions on what was read and appends the mutations if they hold. False: not applied, nothing appended.
   * The context's timestamp must be later than every timestamp read (the caller sees to it).
   */
  decide(context: ExecutionContext, out: MutationList): boolean;
  /** The rows of the answer of a conditional statement ([applied] first, language document B1, ScyllaDB's form); after `decide`. */
  readonly rowCount: number;
  readonly rows: ByteWriter;
}

/**
 * Of a batch of the protocol `values` has one element for each statement; of a BATCH text, whose statements share the text's
 * markers, it has one for all of them.
 */
export interface BatchPlan extends PreparedShape {
  readonly kind: typeof PlanKind.Batch;
  /** Beside those known at prepare what the last `bind` warned of (its size): to be read before the next. */
  readonly warnings: readonly string[];
  readonly isLogged: boolean;
  readonly statements: readonly ModifyPlan[];
  /** Some statement needs a read or has conditions: then bindReadModify, else bind. */
  readonly needsRead: boolean;
  bind(values: readonly BoundValues[], context: ExecutionContext, out: MutationList): void;
  bindReadModify(values: readonly BoundValues[], context: ExecutionContext): BoundReadModify;
  timeoutMs(values: readonly BoundValues[]): number | undefined;
}

/** USE: names a keyspace that was there when the plan was made. */
export interface UsePlan extends PreparedShape {
  readonly kind: typeof PlanKind.Use;
}

export interface TruncatePlan extends PreparedShape {
  readonly kind: typeof PlanKind.Truncate;
  readonly descriptor: TableDescriptor;
}

/** DDL: carried out by the main thread, which plans it again against its own newest schema (`cql/plan/ddl.ts`). */
export interface SchemaPlan extends PreparedShape {
  readonly kind: typeof PlanKind.Schema;
}

export type StatementPlan = SelectPlan | ModifyPlan | BatchPlan | UsePlan | TruncatePlan | SchemaPlan;
