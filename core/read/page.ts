import { readI32LE, readU16LE, readU32LE } from '../bytes.ts';
import { ProtocolError } from '../errors.ts';
import { checkRowBody } from '../mutation/check.ts';
import { clusteringValueCount } from '../schema/clustering-prefix.ts';
import type { ReadResume } from './read-command.ts';
import { DELETION_BYTES, FragmentKind, type RowBatch } from './row-batch.ts';
import type { RowCursor } from './row-cursor.ts';

/**
 * One page of an answer, as it travels from the shard or node that read it, format 1. Little endian.
 *
 *   0   u8    format, 1
 *   1   u8    flags                PageFlag
 *   2   u16   0
 *   4   u32   number of fragments
 *   8   u32   bytes of the heads
 *   12  u32   bytes of the contents
 *   16  u32   rows, as limits count them
 *   20  heads, for each fragment: u8 kind | i8 weight | u32 position length | u32 body length | [i64 token] at a PartitionStart
 *       contents: position and body of each fragment, one after the other
 *       [i64 token | u16 length | key]                     HasMore: the partition in which, or after which, the next page begins
 *       [i8 weight | u32 rows taken | u32 length | position]   Inside: it goes on after this position of that partition
 *
 * The contents have the form they have in a RowBatch, so a page becomes batches by one copy each, not one per row.
 */
export const PageFlag = { HasMore: 1, Inside: 2 } as const;

export const PAGE_FORMAT = 1;
export const PAGE_HEAD_BYTES = 20;
/** Bytes of a fragment's head without a token. */
export const FRAGMENT_HEAD_BYTES = 10;
const TOKEN_BYTES = 8;

/** Where the page after this one begins. */
export interface PageEnd {
  readonly tokenHi: number;
  readonly tokenLo: number;
  readonly key: Uint8Array;
  /** Set when that partition has more; else the next page begins after it. */
  readonly resume: ReadResume | undefined;
}

/**
 * The fragments of a page, as a cursor. Borrows the page's bytes until it is closed.
 * @throws ProtocolError from the constructor when the bytes are no page: fragments, positions and row bodies are checked
 */
export class PageCursor implements RowCursor {
  readonly #bytes: Uint8Array;
  #head: number;
  readonly #headsEnd: number;
  #content: number;
  /** Undefined on the last page. */
  readonly end: PageEnd | undefined;
  /** Rows of the page, as limits count them. */
  readonly rows: number;
  #isInside = false;

  /** @param clusteringColumns of the table: no position may have more values */
  constructor(bytes: Uint8Array, start: number, end: number, clusteringColumns: number) {
    if (end - start < PAGE_HEAD_BYTES) throw new ProtocolError('page cut short');
    if (bytes[start] !== PAGE_FORMAT) throw new ProtocolError(`page of format ${bytes[start]!}`);
    const flags = bytes[start + 1]!;
    if (flags > 3 || flags === PageFlag.Inside || readU16LE(bytes, start + 2) !== 0) {
      throw new ProtocolError('page with unknown flags');
    }
    const fragments = readU32LE(bytes, start + 4);
    const headBytes = readU32LE(bytes, start + 8);
    const contentBytes = readU32LE(bytes, start + 12);
    if (headBytes + contentBytes > end - start - PAGE_HEAD_BYTES) throw new ProtocolError('page cut short');
    this.#bytes = bytes;
    this.#head = start + PAGE_HEAD_BYTES;
    this.#headsEnd = this.#head + headBytes;
    this.#content = this.#headsEnd;
    this.rows = readU32LE(bytes, start + 16);
    const contentEnd = this.#content + contentBytes;
    if (this.#check(contentEnd, clusteringColumns) !== fragments) throw new ProtocolError('page with a wrong count');
    this.end = (flags & PageFlag.HasMore) === 0 ? noEnd(contentEnd, end) : decodeEnd(bytes, contentEnd, end, flags);
  }

  fill(batch: RowBatch): number {
    const bytes = this.#bytes;
    const before = batch.count;
    const { writer } = batch;
    const from = this.#content;
    const room = batch.softLimitBytes - writer.length;
    const shift = writer.length - from;
    let head = this.#head;
    let at = from;
    let i = before;
    for (; head < this.#headsEnd && i < batch.capacity && at - from < room; i++) {
      const kind = bytes[head]!;
      batch.kind[i] = kind;
      batch.weight[i] = bytes[head + 1]!;
      batch.positionStart[i] = at + shift;
      at += readU32LE(bytes, head + 2);
      batch.positionEnd[i] = at + shift;
      batch.bodyStart[i] = at + shift;
      at += readU32LE(bytes, head + 6);
      batch.bodyEnd[i] = at + shift;
      head += FRAGMENT_HEAD_BYTES;
      if (kind === FragmentKind.PartitionStart) {
        batch.tokenLo[i] = readI32LE(bytes, head);
        batch.tokenHi[i] = readI32LE(bytes, head + 4);
        head += TOKEN_BYTES;
      }
    }
    writer.raw(bytes, from, at);
    batch.count = i;
    if (i > before) this.#isInside = batch.kind[i - 1] !== FragmentKind.PartitionEnd;
    this.#head = head;
    this.#content = at;
    return i - before;
  }

  async load(): Promise<void> {}

  skipPartition(): void {
    const bytes = this.#bytes;
    while (this.#isInside && this.#head < this.#headsEnd) {
      this.#isInside = bytes[this.#head] !== FragmentKind.PartitionEnd; // no PartitionStart may come before: checked
      this.#content += readU32LE(bytes, this.#head + 2) + readU32LE(bytes, this.#head + 6);
      this.#head += FRAGMENT_HEAD_BYTES;
    }
  }

  close(): void {
    this.#head = this.#headsEnd;
  }

  /** Walks all fragments; returns how many there are. */
  #check(contentEnd: number, clusteringColumns: number): number {
    const bytes = this.#bytes;
    let head = this.#head;
    let at = this.#content;
    let count = 0;
    let before: number = FragmentKind.PartitionEnd;
    for (; head < this.#headsEnd; count++) {
      const kind = bytes[head]!;
      const size = kind === FragmentKind.PartitionStart ? FRAGMENT_HEAD_BYTES + TOKEN_BYTES : FRAGMENT_HEAD_BYTES;
      if (head + size > this.#headsEnd) throw new ProtocolError('page cut short');
      const positionLength = readU32LE(bytes, head + 2);
      const bodyLength = readU32LE(bytes, head + 6);
      if (positionLength + bodyLength > contentEnd - at) throw new ProtocolError('fragment longer than its page');
      const body = at + positionLength;
      const problem = checkFragment(
        bytes,
        kind,
        bytes[head + 1]!,
        before,
        at,
        body,
        body + bodyLength,
        clusteringColumns,
      );
      if (problem !== undefined) throw new ProtocolError(`page with a ${problem}`);
      before = kind;
      at = body + bodyLength;
      head += size;
    }
    if (at !== contentEnd) throw new ProtocolError('page with bytes of no fragment');
    if (before !== FragmentKind.PartitionEnd) throw new ProtocolError('page with a partition that does not end');
    return count;
  }
}

/** What is wrong with a fragment that follows one of kind `before`, or undefined. */
function checkFragment(
  bytes: Uint8Array,
  kind: number,
  weight: number,
  before: number,
  position: number,
  body: number,
  end: number,
  clusteringColumns: number,
): string | undefined {
  if ((kind === FragmentKind.PartitionStart) !== (before === FragmentKind.PartitionEnd)) return 'fragment out of place';
  switch (kind) {
    case FragmentKind.PartitionStart:
      if (weight !== 0 || body - position > 0xffff) return 'bad partition key';
      return end === body || end - body === DELETION_BYTES ? undefined : 'bad partition deletion';
    case FragmentKind.StaticRow:
      if (before !== FragmentKind.PartitionStart || weight !== 0 || body !== position) return 'static row out of place';
      return checkRowBody(bytes, body, end);
    case FragmentKind.Row:
    case FragmentKind.RangeChange: {
      const values = clusteringValueCount(bytes, position, body);
      if (values < 0 || values > clusteringColumns) return 'bad position';
      if (kind === FragmentKind.Row) return weight !== 0 ? 'row with a weight' : checkRowBody(bytes, body, end);
      if (weight !== 1 && weight !== 0xff) return 'range change without a weight';
      return end === body || end - body === DELETION_BYTES ? undefined : 'bad range change';
    }
    case FragmentKind.PartitionEnd:
      return end === position && weight === 0 ? undefined : 'partition end with bytes';
    default:
      return `fragment of kind ${kind}`;
  }
}

function noEnd(at: number, end: number): undefined {
  if (at !== end) throw new ProtocolError('bytes after the end of a page');
}

function decodeEnd(bytes: Uint8Array, at: number, end: number, flags: number): PageEnd {
  if (end - at < 10) throw new ProtocolError('page cut short');
  const tokenLo = readI32LE(bytes, at);
  const tokenHi = readI32LE(bytes, at + 4);
  const keyEnd = at + 10 + readU16LE(bytes, at + 8);
  if (keyEnd > end) throw new ProtocolError('page cut short');
  const key = bytes.slice(at + 10, keyEnd);
  if ((flags & PageFlag.Inside) === 0) {
    noEnd(keyEnd, end);
    return { tokenHi, tokenLo, key, resume: undefined };
  }
  if (end - keyEnd < 9) throw new ProtocolError('page cut short');
  const weight = (bytes[keyEnd]! << 24) >> 24;
  if (weight < -1 || weight > 1) throw new ProtocolError('page end with a bad weight');
  const rowsTaken = readU32LE(bytes, keyEnd + 1);
  const position = keyEnd + 9;
  if (readU32LE(bytes, keyEnd + 5) !== end - position) throw new ProtocolError('bytes after the end of a page');
  if (clusteringValueCount(bytes, position, end) < 0) throw new ProtocolError('page end with a bad position');
  return { tokenHi, tokenLo, key, resume: { position: bytes.slice(position, end), weight, rowsTaken } };
}
