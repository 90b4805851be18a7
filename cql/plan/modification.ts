import { InvalidRequestError } from '../../core/errors.ts';
import type { MutationWriter } from '../../core/mutation/frozen-mutation.ts';
import type { MutationList } from '../../core/mutation/mutation-list.ts';
import type { PartitionRef } from '../../core/read/read-command.ts';
import type { TableDescriptor } from '../../core/schema/table.ts';
import { Token, tokenOf } from '../../core/token.ts';
import { uuidBytes } from '../../core/uuid-bytes.ts';
import { checkValueCount, type MarkerTypes } from './bind-marker.ts';
import { conditionalColumns } from './conditional-result.ts';
import type { StatementCondition } from './conditions.ts';
import type { CellWriter } from './modify-cells.ts';
import type { PartitionKeys } from './modify-keys.ts';
import type { ClusteringRanges } from './modify-ranges.ts';
import type { ClusteringRows } from './modify-rows.ts';
import {
  type BindMarker,
  type BoundReadModify,
  type BoundValues,
  type ExecutionContext,
  type ModifyPlan,
  PlanKind,
  type ResultColumn,
} from './plan.ts';
import type { Priors } from './prior-row.ts';
import { copyValues, ReadModify } from './read-modify.ts';
import type { UsingClause } from './using.ts';
import { WriteInput } from './write-input.ts';

/** What a statement writes, resolved against a table. */
export interface ModificationParts {
  readonly table: TableDescriptor;
  readonly markers: MarkerTypes;
  readonly using: UsingClause;
  readonly keys: PartitionKeys;
  /** Cells of the static row. */
  readonly statics: CellWriter | undefined;
  /** The rows that are written or deleted, or tested by IF; undefined when the statement names none. */
  readonly rows: ClusteringRows | undefined;
  /** What is done to each of them. */
  readonly rowEffect: RowEffect;
  /** Cells of the rows; with RowEffect.Cells and Insert. */
  readonly regulars: CellWriter | undefined;
  /** DELETE of ranges of rows. */
  readonly ranges: ClusteringRanges | undefined;
  /** DELETE of everything. */
  readonly deletesPartition: boolean;
  readonly condition: StatementCondition | undefined;
}

/** What happens to the rows that a statement names: INSERT writes a row marker, UPDATE and DELETE of columns cells only. */
export const RowEffect = { None: 0, Insert: 1, Cells: 2, Delete: 3 } as const;
export type RowEffect = (typeof RowEffect)[keyof typeof RowEffect];

const NO_WARNINGS: readonly string[] = [];

/** INSERT, UPDATE or DELETE: turns values into mutations. */
export class Modification implements ModifyPlan {
  readonly kind: typeof PlanKind.Modify = PlanKind.Modify;
  readonly descriptor: TableDescriptor;
  readonly keyspace: string;
  readonly table: string;
  readonly partitionKeyMarkers: readonly number[];
  readonly resultColumns: readonly ResultColumn[] | undefined;
  readonly isConditional: boolean;
  readonly needsRead: boolean;
  readonly warnings: readonly string[] = NO_WARNINGS;
  readonly condition: StatementCondition | undefined;
  readonly using: UsingClause;
  readonly markerCount: number;
  readonly #markers: MarkerTypes;
  readonly #tableId: Uint8Array;
  readonly #keys: PartitionKeys;
  readonly #statics: CellWriter | undefined;
  readonly #rows: ClusteringRows | undefined;
  readonly #rowEffect: RowEffect;
  readonly #regulars: CellWriter | undefined;
  readonly #ranges: ClusteringRanges | undefined;
  readonly #deletesPartition: boolean;
  readonly #input: WriteInput = new WriteInput();
  readonly #token: Token = new Token();

  constructor(parts: ModificationParts) {
    const { table, keys, condition } = parts;
    this.descriptor = table;
    this.keyspace = table.keyspace;
    this.table = table.name;
    this.partitionKeyMarkers = keys.markers;
    this.isConditional = condition !== undefined;
    this.needsRead = (parts.statics?.needsRead ?? false) || (parts.regulars?.needsRead ?? false);
    this.resultColumns = condition === undefined ? undefined : conditionalColumns(table, condition.columns);
    this.condition = condition;
    this.using = parts.using;
    this.#markers = parts.markers;
    this.markerCount = parts.markers.count;
    this.#tableId = uuidBytes(table.id);
    this.#keys = keys;
    this.#statics = parts.statics;
    this.#rows = parts.rows;
    this.#rowEffect = parts.rowEffect;
    this.#regulars = parts.regulars;
    this.#ranges = parts.ranges;
    this.#deletesPartition = parts.deletesPartition;
  }

  /** Of a statement in a BATCH text: the markers of the whole text. */
  get markers(): readonly BindMarker[] {
    return this.#markers.all();
  }

  timeoutMs(values: BoundValues): number | undefined {
    return this.using.timeoutMs(values);
  }

  bind(values: BoundValues, context: ExecutionContext, out: MutationList): void {
    checkValueCount(values, this.markerCount);
    const input = this.#input;
    const keys = this.#keys;
    input.begin(values, context);
    try {
      this.using.apply(input);
      if (keys.isOne) {
        keys.bindOne(values, context, input.slot);
        this.#writePartition(keys.bytes, keys.start, keys.end, input, out);
      } else {
        for (const key of keys.bindAll(values, context)) this.#writePartition(key, 0, key.length, input, out);
      }
    } finally {
      input.end();
      keys.release();
    }
  }

  #writePartition(key: Uint8Array, start: number, end: number, input: WriteInput, list: MutationList): void {
    tokenOf(key, start, end, this.#token);
    const { writer } = list;
    const { out } = writer;
    list.begin();
    const begun = out.length;
    this.beginMutation(writer, this.#token, key, start, end);
    const head = out.length;
    this.#writeParts(writer, input, undefined);
    if (out.length === head)
      out.length = begun; // every value was unset
    else list.end();
  }

  /** The head of a mutation of the table. */
  beginMutation(writer: MutationWriter, { hi, lo }: Token, key: Uint8Array, start: number, end: number): void {
    writer.begin(this.#tableId, this.descriptor.version, hi, lo, key, start, end);
  }

  bindReadModify(values: BoundValues, context: ExecutionContext): BoundReadModify {
    checkValueCount(values, this.markerCount);
    const kept = copyValues(values);
    return new ReadModify([{ plan: this, values: kept }], this.condition?.columns, context);
  }

  /**
   * The partition of a statement that reads before it writes. Values must stay valid while the result is used.
   * @throws InvalidRequestError when the statement names several
   */
  partition(values: BoundValues, context: ExecutionContext): PartitionRef {
    const keys = this.#keys;
    if (keys.hasIn) {
      throw new InvalidRequestError(
        this.isConditional
          ? 'IN on the partition key is not supported with conditional updates'
          : 'IN on the partition key is not supported with operations that read before they write',
      );
    }
    keys.bindOne(values, context, this.#input.slot);
    tokenOf(keys.bytes, keys.start, keys.end, this.#token);
    const key = new Uint8Array(keys.bytes.subarray(keys.start, keys.end));
    this.#input.end();
    keys.release();
    const { hi, lo } = this.#token;
    return { tokenHi: hi, tokenLo: lo, key };
  }

  /** Positions of the rows that are written one by one or tested. */
  positions(values: BoundValues, context: ExecutionContext): readonly Uint8Array[] {
    return this.#rows?.bindAll(values, context) ?? [];
  }

  /** Writes the parts of the partition's mutation. @param priors what was read of the rows */
  writeParts(writer: MutationWriter, values: BoundValues, context: ExecutionContext, priors: Priors): void {
    const input = this.#input;
    input.begin(values, context);
    try {
      this.using.apply(input);
      this.#writeParts(writer, input, priors);
    } finally {
      input.end();
    }
  }

  #writeParts(writer: MutationWriter, input: WriteInput, priors: Priors | undefined): void {
    const { values, context } = input;
    if (this.#deletesPartition) {
      writer.partitionDeletion(input.timestampHi, input.timestampLo, input.nowSeconds);
      return;
    }
    if (this.#ranges !== undefined) {
      for (const { start, startWeight, end, endWeight } of this.#ranges.bind(values, context)) {
        const { timestampHi, timestampLo, nowSeconds } = input;
        writer.rangeDeletion(startWeight, start, endWeight, end, timestampHi, timestampLo, nowSeconds);
      }
      return;
    }
    if (this.#statics !== undefined) this.#writeStaticRow(this.#statics, writer, input, priors);
    const rows = this.#rows;
    if (rows === undefined || this.#rowEffect === RowEffect.None) return;
    if (rows.isOne) {
      const position = rows.bindOne(values, context, input.slot);
      this.#writeRow(position.bytes, position.length, writer, input, priors);
    } else {
      for (const position of rows.bindAll(values, context)) {
        this.#writeRow(position, position.length, writer, input, priors);
      }
    }
  }

  #writeStaticRow(cells: CellWriter, writer: MutationWriter, input: WriteInput, priors: Priors | undefined): void {
    const { out } = writer;
    const begun = out.length;
    if (priors !== undefined) input.prior = priors.staticRow;
    writer.beginStaticRow();
    const head = out.length;
    cells.write(writer.row, input);
    if (out.length === head) out.length = begun;
    else writer.endRow();
  }

  #writeRow(
    position: Uint8Array,
    positionEnd: number,
    writer: MutationWriter,
    input: WriteInput,
    priors: Priors | undefined,
  ): void {
    const { out } = writer;
    const begun = out.length;
    if (priors !== undefined) input.prior = priors.row(position, positionEnd);
    writer.beginRow(position, 0, positionEnd);
    const head = out.length;
    const { timestampHi, timestampLo } = input;
    if (this.#rowEffect === RowEffect.Insert) writer.row.liveness(timestampHi, timestampLo, input.ttl, input.expiry);
    else if (this.#rowEffect === RowEffect.Delete) writer.row.deletion(timestampHi, timestampLo, input.nowSeconds);
    if (this.#regulars !== undefined) this.#regulars.write(writer.row, input);
    if (out.length === head)
      out.length = begun; // an UPDATE of unset values alone touches nothing
    else writer.endRow();
  }
}
