import { ByteWriter, writeI32BE } from '../../core/bytes.ts';
import { InvalidRequestError } from '../../core/errors.ts';
import type { ReadCommand } from '../../core/read/read-command.ts';
import { FragmentKind, type RowBatch } from '../../core/read/row-batch.ts';
import type { RowFilter } from './filter.ts';
import { RowMerge } from './ordering-merge.ts';
import type { PageStart } from './paging.ts';
import { PagePosition } from './paging-position.ts';
import type { BoundSelect, ExecutionContext } from './plan.ts';
import { OnePartition } from './restrictions-partition.ts';
import { SelectGroup } from './select-group.ts';
import { UNLIMITED } from './select-limits.ts';
import { SelectRow } from './select-row.ts';
import type { SelectShape } from './select-shape.ts';
import type { SelectorInput } from './selectors-node.ts';
import { ValueSlot } from './term.ts';

/** A page of a paged answer ends after the row that passes so many bytes, like ScyllaDB's. */
export const PAGE_BYTES: number = 1024 * 1024;
/** Most bytes of rows in one answer: the protocol's frame holds no more. */
export const MAX_RESULT_BYTES: number = 256 * 1024 * 1024 - 64 * 1024;
/** A page ends after so many bytes of rows were tried by filters, even if few or none passed: its client is waiting. */
export const MAX_EXAMINED_BYTES: number = 64 * 1024 * 1024;
/** Result buffers that grew beyond this are not kept for the next execution. */
const KEPT_BYTES = 64 * 1024;
const FIRST_BYTES = 512;
/** Finished executions that a plan keeps to use again. */
const KEPT_RUNS = 64;

/** What one execution of a SELECT was bound to. */
export interface RunInput {
  /** Undefined: nothing can match. */
  readonly command: ReadCommand | undefined;
  readonly filter: RowFilter | undefined;
  /** Set when the page continues another. */
  readonly start: PageStart | undefined;
  /** Index of the command's first partition among those of the statement. */
  readonly firstPartition: number;
  /** Rows of the page; 0: all. */
  readonly pageSize: number;
  /** What is left of LIMIT; UNLIMITED without. */
  readonly limit: number;
  readonly perPartitionLimit: number;
  /** Rows come from several partitions and are merged by ORDER BY. */
  readonly isMerged: boolean;
  readonly nowSeconds: number;
  readonly context: ExecutionContext;
  readonly terms: readonly (Uint8Array | undefined)[];
}

const NO_RUN: RunInput = {
  command: undefined,
  filter: undefined,
  start: undefined,
  firstPartition: 0,
  pageSize: 0,
  limit: UNLIMITED,
  perPartitionLimit: UNLIMITED,
  isMerged: false,
  nowSeconds: 0,
  context: { timestampHi: 0, timestampLo: 0, nowUs: 0, randomBytes: () => undefined, timeUuid: () => undefined },
  terms: [],
};

/**
 * One execution of a SELECT. Live fragments come in batches; each row is loaded, tried by the filter, and written to the result or
 * added to its group.
 *
 * A page ends when it has enough rows and one more is there: that one is refused, and the paging state says "after what was
 * taken before it". So the last page is known to be the last, and no group is cut in two.
 *
 * Runs are used again: after `release` the plan gives the same object to another execution.
 */
export class SelectRun implements BoundSelect {
  command: ReadCommand | undefined;
  rowCount = 0;
  rows: ByteWriter = new ByteWriter(FIRST_BYTES);
  pagingState: Uint8Array | undefined;

  /** For the command of a statement that reads one partition. */
  readonly onePartition: OnePartition = new OnePartition();

  readonly #shape: SelectShape;
  readonly #pool: SelectRun[];
  #isReleased = false;
  readonly #row: SelectRow;
  readonly #group: SelectGroup | undefined;
  readonly #position: PagePosition = new PagePosition();
  readonly #slot: ValueSlot = new ValueSlot();
  #run: RunInput = NO_RUN;
  /** For selectors; undefined when the result is of plain columns only. */
  #input: SelectorInput | undefined;
  #merge: RowMerge | undefined;

  /** Rows that LIMIT still allows, in all and in the current partition. */
  #remaining: number = UNLIMITED;
  #remainingInPartition: number = UNLIMITED;
  /** LIMIT is reached: no page comes after this one. */
  #isDone = false;
  /** The page has enough: the next row is refused. */
  #isFull = false;
  /** A row was refused, or the page was cut: another page comes. */
  #hasMore = false;
  #examinedBytes = 0;
  /** The current partition has a static row, and rows. */
  #hasStatic = false;
  #hasRows = false;

  /** @param pool takes the run back when it is released */
  constructor(shape: SelectShape, pool: SelectRun[]) {
    this.#shape = shape;
    this.#pool = pool;
    this.#row = new SelectRow(shape.layout);
    this.#group = shape.isAggregate ? new SelectGroup(shape) : undefined;
  }

  begin(run: RunInput): void {
    const { plainSlots, order, table } = this.#shape;
    const { command } = run;
    this.command = command;
    this.rowCount = 0;
    this.rows.clear();
    this.pagingState = undefined;
    this.#isReleased = false;
    this.#run = run;
    this.#merge = run.isMerged ? new RowMerge(order, table.comparator) : undefined;
    this.#remaining = run.isMerged ? UNLIMITED : run.limit; // what is merged is limited when it is in order
    this.#remainingInPartition = UNLIMITED;
    this.#isDone = false;
    this.#isFull = false;
    this.#hasMore = false;
    this.#examinedBytes = 0;
    this.#hasStatic = false;
    this.#hasRows = false;
    if (command !== undefined) this.#position.begin(command.partitions, run.firstPartition, run.start);
    if (plainSlots === undefined) this.#prepareSelectors(run);
  }

  #prepareSelectors(run: RunInput): void {
    const { probeTerms, probePaths } = this.#shape.selection;
    for (let i = 0; i < probeTerms.length; i++) {
      const term = probeTerms[i]!;
      this.#row.probePaths[i] = term < 0 ? probePaths[i] : run.terms[term];
    }
    this.#group?.clear();
    this.#input = {
      row: this.#row,
      nowSeconds: run.nowSeconds,
      context: run.context,
      terms: run.terms,
      aggregates: this.#group?.aggregators ?? [],
    };
  }

  accept(batch: RowBatch): boolean {
    if (this.#isDone || this.#hasMore) return false;
    const { bytes } = batch.writer;
    let goesOn = true;
    for (let i = 0; goesOn && i < batch.count; i++) {
      switch (batch.kind[i]) {
        case FragmentKind.PartitionStart:
          goesOn = this.#startPartition(bytes, batch.positionStart[i]!, batch.positionEnd[i]!);
          break;
        case FragmentKind.StaticRow:
          this.#hasStatic = true;
          this.#row.loadStatic(bytes, batch.bodyStart[i]!, batch.bodyEnd[i]!);
          break;
        case FragmentKind.Row:
          goesOn = this.#takeRow(batch, i);
          break;
        default: // PartitionEnd: a live stream has no range changes
          goesOn = this.#endPartition();
      }
    }
    this.#position.keep(batch);
    return goesOn;
  }

  get skipsPartition(): boolean {
    return this.#position.isInside && this.#position.isDone;
  }

  finish(exhausted: boolean): void {
    const { grouping, pager } = this.#shape;
    const group = this.#group;
    // Without GROUP BY there is one group, even over nothing.
    if (group !== undefined && (group.isOpen || grouping === undefined)) this.#endGroup();
    if (this.#merge !== undefined) {
      this.#finishMerge(this.#merge);
    } else if (!this.#isDone && (this.#hasMore || !exhausted) && (group === undefined || grouping !== undefined)) {
      this.pagingState = pager.encode(this.#position.nextPage(this.#remaining, this.#remainingInPartition));
    }
  }

  release(): void {
    if (this.#isReleased) return;
    this.#isReleased = true;
    // A run that waits for its next use holds on to nothing of this one.
    this.#run = NO_RUN;
    this.#input = undefined;
    this.#merge = undefined;
    this.command = undefined;
    this.pagingState = undefined;
    if (this.rows.bytes.length > KEPT_BYTES) this.rows = new ByteWriter(FIRST_BYTES);
    if (this.#pool.length < KEPT_RUNS) this.#pool.push(this);
  }

  #finishMerge(merge: RowMerge): void {
    const { limit } = this.#run;
    const ordered = new ByteWriter(this.rows.length + 1);
    this.rowCount = merge.finish(this.rows, limit === UNLIMITED ? this.rowCount : limit, ordered);
    this.rows = ordered;
  }

  /** False: enough. */
  #startPartition(bytes: Uint8Array, start: number, end: number): boolean {
    if (this.#position.isSamePartition(bytes, start, end)) {
      this.#position.continuePartition();
      return true;
    }
    // Groups end here rather than with their partition, which may go on after its end.
    if (this.#shape.grouping !== undefined && this.#group!.isOpen && !this.#endGroup()) return false;
    this.#position.startPartition(bytes, start, end);
    this.#row.loadKey(bytes, start, end);
    this.#hasStatic = false;
    this.#hasRows = false;
    this.#remainingInPartition = this.#position.isResumed
      ? this.#run.start!.remainingInPartition
      : this.#run.perPartitionLimit;
    return true;
  }

  /** False: enough, or the row is refused. */
  #takeRow(batch: RowBatch, i: number): boolean {
    this.#hasRows = true;
    const position = this.#position;
    if (position.isDone) return true;
    const { filter } = this.#run;
    if (this.#isFull && filter === undefined && this.#group === undefined) return this.#refuse();
    const { bytes } = batch.writer;
    const start = batch.positionStart[i]!;
    const positionEnd = batch.positionEnd[i]!;
    const end = batch.bodyEnd[i]!;
    this.#row.load(bytes, start, positionEnd, batch.bodyStart[i]!, end);
    const isWanted = filter === undefined || filter.matches(this.#row);
    if (isWanted && !this.#take(bytes, start, positionEnd)) return false;
    position.takeRow(i);
    return filter === undefined || this.#examine(end - start);
  }

  /** The loaded row becomes part of the result. False: enough, or it is refused. */
  #take(bytes: Uint8Array, positionStart: number, positionEnd: number): boolean {
    if (this.#group !== undefined) return this.#takeIntoGroup(this.#group, bytes, positionStart, positionEnd);
    if (this.#isFull) return this.#refuse();
    this.#merge?.add(this.rows.length, bytes, positionStart, positionEnd);
    this.#writeRow();
    return this.#countRow();
  }

  #takeIntoGroup(group: SelectGroup, bytes: Uint8Array, positionStart: number, positionEnd: number): boolean {
    if (group.isOpen && group.isOther(bytes, positionStart, positionEnd)) {
      if (!this.#endGroup()) return false;
      if (this.#position.isDone) return true; // PER PARTITION LIMIT: no other group of the partition is wanted
    }
    if (!group.isOpen) {
      if (this.#isFull) return this.#refuse();
      group.open(this.#row, bytes, positionStart, positionEnd);
    }
    group.add(this.#input!);
    if (this.#shape.isDistinct) this.#position.isDone = true;
    return true;
  }

  /** Writes the row of the open group, or of nothing. False: LIMIT is reached. */
  #endGroup(): boolean {
    const group = this.#group!;
    const input = this.#input!;
    this.#merge?.add(this.rows.length, group.position.bytes, 0, group.position.length);
    input.row = group.firstRow;
    this.#writeRow();
    input.row = this.#row;
    group.clear();
    return this.#countRow();
  }

  #writeRow(): void {
    const { plainSlots, selection } = this.#shape;
    const out = this.rows;
    if (plainSlots !== undefined) {
      for (let k = 0; k < plainSlots.length; k++) this.#row.write(plainSlots[k]!, out);
      return;
    }
    const slot = this.#slot;
    const input = this.#input!;
    const { columns } = selection;
    for (let k = 0; k < columns.length; k++) {
      columns[k]!.value.evaluate(input, slot);
      const at = out.reserve(4);
      writeI32BE(out.bytes, at, slot.length);
      out.length = at + 4;
      if (slot.length > 0) out.raw(slot.bytes, slot.start, slot.end);
    }
  }

  /** A row was written. False: LIMIT is reached. */
  #countRow(): boolean {
    const { pageSize } = this.#run;
    const { length } = this.rows;
    this.rowCount++;
    if (length > MAX_RESULT_BYTES) {
      throw new InvalidRequestError(`the result has more than ${MAX_RESULT_BYTES} bytes: read it in pages`);
    }
    if (this.#remaining !== UNLIMITED && --this.#remaining === 0) {
      this.#isDone = true;
      return false;
    }
    if (this.#remainingInPartition !== UNLIMITED && --this.#remainingInPartition === 0) this.#position.isDone = true;
    if (pageSize > 0 && this.#merge === undefined && (this.rowCount >= pageSize || length >= PAGE_BYTES)) {
      this.#isFull = true;
    }
    return true;
  }

  /** The current row belongs to the next page. */
  #refuse(): boolean {
    this.#hasMore = true;
    return false;
  }

  /** Counts what filters looked at. False: the page ends here. */
  #examine(sizeBytes: number): boolean {
    this.#examinedBytes += sizeBytes;
    const isCut = this.#examinedBytes > MAX_EXAMINED_BYTES && this.#run.pageSize > 0 && !this.#shape.isAggregate;
    if (isCut) this.#hasMore = true;
    return !isCut;
  }

  /** False: enough, or the static row alone is refused. */
  #endPartition(): boolean {
    const position = this.#position;
    if (this.#hasStatic && !this.#hasRows && this.#shape.showsLoneStatics && !position.isResumed) {
      const { filter } = this.#run;
      this.#row.loadNoRow();
      const isWanted = filter === undefined || filter.matches(this.#row);
      if (isWanted && !this.#take(NOTHING, 0, 0)) return false;
    }
    position.endPartition();
    return true;
  }
}

const NOTHING = new Uint8Array(0);
