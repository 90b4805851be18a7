import { readU16BE } from '../../core/bytes.ts';
import { INT64_MIN_HI, INT64_MIN_LO, int64ToBigInt } from '../../core/int64.ts';
import { CellFlag, RowFlag, RowReader } from '../../core/mutation/row-body.ts';
import { FragmentKind, RowBatch } from '../../core/read/row-batch.ts';
import { NEEDS_LOAD, type RowCursor } from '../../core/read/row-cursor.ts';
import type { TableDescriptor } from '../../core/schema/table.ts';

/**
 * The content of an SSTable as text, one line per item, in the form that the fixtures' `content_sha256` is made from:
 * partitions P, static rows S, rows R, cells C, multi-cell columns X with elements E, markers M.
 */
export class ContentLines {
  readonly lines: string[] = [];
  partitionCount = 0;
  readonly #table: TableDescriptor;
  readonly #unsigned: boolean;
  readonly #row: RowReader = new RowReader();
  #open = '- -';

  /** @param unsigned deletion times of version `oa` and later */
  constructor(table: TableDescriptor, unsigned: boolean) {
    this.#table = table;
    this.#unsigned = unsigned;
  }

  add(batch: RowBatch): void {
    for (let i = 0; i < batch.count; i++) this.#fragment(batch, i);
  }

  #fragment(batch: RowBatch, i: number): void {
    const position = hex(batch.bytes, batch.positionStart[i]!, batch.positionEnd[i]!);
    switch (batch.kind[i]) {
      case FragmentKind.PartitionStart:
        this.partitionCount++;
        this.#open = '- -';
        this.lines.push(`P ${position} ${this.#batchDeletion(batch, i)}`);
        break;
      case FragmentKind.StaticRow:
        this.#rowLines('S', '[]', batch, i);
        break;
      case FragmentKind.Row:
        this.#rowLines('R', this.#clustering(batch, i, true), batch, i);
        break;
      case FragmentKind.RangeChange:
        this.#marker(batch, i);
        break;
      default:
        break;
    }
  }

  #marker(batch: RowBatch, i: number): void {
    const opened = this.#batchDeletion(batch, i);
    const closed = this.#open;
    const before = batch.weight[i]! < 0;
    const prefix = this.#clustering(batch, i, false);
    if (closed === '- -') {
      this.lines.push(`M ${before ? 'INCL_START' : 'EXCL_START'} ${prefix} ${opened} - -`);
    } else if (opened === '- -') {
      this.lines.push(`M ${before ? 'EXCL_END' : 'INCL_END'} ${prefix} ${closed} - -`);
    } else {
      const kind = before ? 'EXCL_END_INCL_START' : 'INCL_END_EXCL_START';
      this.lines.push(`M ${kind} ${prefix} ${closed} ${opened}`);
    }
    this.#open = opened;
  }

  #rowLines(kind: string, clustering: string, batch: RowBatch, i: number): void {
    const row = this.#row;
    row.open(batch.bytes, batch.bodyStart[i]!, batch.bodyEnd[i]!);
    const { rowFlags } = row;
    const liveness =
      (rowFlags & RowFlag.Liveness) === 0
        ? '- 0 -'
        : `${int64ToBigInt(row.livenessHi, row.livenessLo)} ${row.livenessTtl} ${
            row.livenessTtl === 0 ? '-' : this.#time(row.livenessExpiry)
          }`;
    const deletion = this.#deletion(row.deletionHi, row.deletionLo, row.deletionTime);
    const shadowable = this.#deletion(row.shadowableHi, row.shadowableLo, row.shadowableTime);
    this.lines.push(`${kind} ${clustering} ${liveness} ${deletion} ${shadowable}`);
    const simple: string[] = [];
    const multi = new Map<string, { deletion: string; elements: string[] }>();
    while (row.next()) {
      const column = this.#table.columnById(row.columnId)!;
      const name = Buffer.from(column.name).toString('hex');
      if (!column.type.isMultiCell) {
        simple.push(`C ${name} - ${this.#cell(row)}`);
        continue;
      }
      let entry = multi.get(name);
      if (entry === undefined) {
        entry = { deletion: '- -', elements: [] };
        multi.set(name, entry);
      }
      if ((row.flags & CellFlag.ComplexDeletion) !== 0) {
        entry.deletion = this.#deletion(row.timestampHi, row.timestampLo, row.time);
      } else {
        entry.elements.push(`E ${name} ${hex(row.bytes, row.pathStart, row.pathEnd)} ${this.#cell(row)}`);
      }
    }
    this.lines.push(...simple);
    for (const [name, entry] of multi) {
      this.lines.push(`X ${name} ${entry.deletion} ${entry.elements.length}`, ...entry.elements);
    }
  }

  #cell(row: RowReader): string {
    const timestamp = int64ToBigInt(row.timestampHi, row.timestampLo);
    const value = hex(row.bytes, row.valueStart, row.valueEnd);
    if ((row.flags & CellFlag.Deleted) !== 0) return `D ${timestamp} 0 ${this.#time(row.time)} ${value}`;
    if ((row.flags & CellFlag.Expiring) !== 0) return `E ${timestamp} ${row.ttl} ${this.#time(row.time)} ${value}`;
    return `L ${timestamp} 0 - ${value}`;
  }

  #batchDeletion(batch: RowBatch, i: number): string {
    return this.#deletion(batch.deletionHi(i), batch.deletionLo(i), batch.deletionTime(i));
  }

  #deletion(hi: number, lo: number, time: number): string {
    return hi === INT64_MIN_HI && lo === INT64_MIN_LO ? '- -' : `${int64ToBigInt(hi, lo)} ${this.#time(time)}`;
  }

  #time(time: number): number {
    return this.#unsigned ? time : time | 0;
  }

  #clustering(batch: RowBatch, i: number, isRow: boolean): string {
    const values: string[] = [];
    for (let p = batch.positionStart[i]!; p < batch.positionEnd[i]!; ) {
      const start = p + 2;
      p = start + readU16BE(batch.bytes, p);
      values.push(hex(batch.bytes, start, p));
    }
    while (isRow && values.length < this.#table.clustering.length) values.push('~');
    return `[${values.join(',')}]`;
  }
}

function hex(bytes: Uint8Array, start: number, end: number): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset + start, end - start).toString('hex');
}

/** Fills batch after batch and hands each to `take`; closes the cursor. */
export async function drain(
  cursor: RowCursor,
  take: (batch: RowBatch) => void,
  batch: RowBatch = new RowBatch(),
): Promise<void> {
  try {
    for (;;) {
      batch.clear();
      const count = cursor.fill(batch);
      if (count === 0) return;
      if (count === NEEDS_LOAD) await cursor.load();
      else take(batch);
    }
  } finally {
    cursor.close();
  }
}
