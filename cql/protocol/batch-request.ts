import { readI32BE, readU16BE } from '../../core/bytes.ts';
import { ProtocolError } from '../../core/errors.ts';
import { Consistency, consistencyOf } from './consistency.ts';
import { QueryFlag, QueryParameters, ValueRanges } from './query-parameters.ts';
import { decodeUtf8 } from './utf8.ts';
import { truncatedFrame } from './value.ts';

export const BatchType = { Logged: 0, Unlogged: 1, Counter: 2 } as const;
export type BatchType = (typeof BatchType)[keyof typeof BatchType];

const STATEMENTS_KEPT = 1024;
const FIRST_CAPACITY = 32;

/**
 * A BATCH (spec cql-protocol §6.4): its statements as columns of positions in the decoded bytes, which die with the frame.
 * One record per shard, filled anew for each request; decoding a batch of usual size allocates nothing.
 *
 * Statement i is bytes[statementStarts[i], statementEnds[i]): a prepared id if isPrepared[i] is 1, else CQL text. Its values
 * are values[firstValues[i], firstValues[i + 1]).
 */
export class BatchRequest {
  type: BatchType;
  count: number;
  isPrepared: Uint8Array;
  statementStarts: Int32Array;
  statementEnds: Int32Array;
  /** One entry more than there are statements. */
  firstValues: Int32Array;
  readonly values: ValueRanges;
  /** Consistency, serial consistency and timestamp; the other fields mean nothing here. */
  readonly parameters: QueryParameters;
  #bytes: Uint8Array;

  constructor() {
    this.type = BatchType.Logged;
    this.count = 0;
    this.isPrepared = new Uint8Array(FIRST_CAPACITY);
    this.statementStarts = new Int32Array(FIRST_CAPACITY);
    this.statementEnds = new Int32Array(FIRST_CAPACITY);
    this.firstValues = new Int32Array(FIRST_CAPACITY + 1);
    this.values = new ValueRanges();
    this.parameters = new QueryParameters();
    this.#bytes = this.isPrepared;
  }

  /**
   * The text of a statement that is not prepared.
   * @throws ProtocolError if it is not UTF-8
   */
  text(index: number): string {
    return decodeUtf8(this.#bytes, this.statementStarts[index]!, this.statementEnds[index]!);
  }

  /** @throws ProtocolError, InvalidRequestError as QueryParameters.decode; for an unknown type or kind, and for named values */
  decode(bytes: Uint8Array, start: number, end: number, version: number): void {
    if (end - start < 3) throw truncatedFrame(3, end - start);
    const type = bytes[start]!;
    if (type > BatchType.Counter) throw new ProtocolError(`Invalid batch type ${type}`, { type });
    this.type = type as BatchType;
    const count = readU16BE(bytes, start + 1);
    // The least statement is a kind, an empty id and no values.
    if (count * 5 > end - start - 3) throw truncatedFrame(count * 5, end - start - 3);
    this.#reserve(count);
    this.#bytes = bytes;
    this.values.clear();
    let at = start + 3;
    for (let i = 0; i < count; i++) {
      this.firstValues[i] = this.values.count;
      at = this.#readStatement(bytes, at, end, version, i);
    }
    this.firstValues[count] = this.values.count;
    this.count = count;
    this.#readParameters(bytes, at, end);
  }

  #readStatement(bytes: Uint8Array, pos: number, end: number, version: number, index: number): number {
    if (end - pos < 3) throw truncatedFrame(3, end - pos);
    const kind = bytes[pos]!;
    if (kind > 1)
      throw new ProtocolError(`Invalid kind ${kind} of a statement in a batch: 0 is text, 1 a prepared id`, { kind });
    let at = pos + 1;
    let length: number;
    if (kind === 1) {
      length = readU16BE(bytes, at);
      at += 2;
    } else {
      if (end - at < 4) throw truncatedFrame(4, end - at);
      length = readI32BE(bytes, at);
      at += 4;
      if (length < 0) throw new ProtocolError(`negative length ${length} of a string`, { length });
    }
    if (length > end - at) throw truncatedFrame(length, end - at);
    this.isPrepared[index] = kind;
    this.statementStarts[index] = at;
    at += length;
    this.statementEnds[index] = at;
    if (end - at < 2) throw truncatedFrame(2, end - at);
    return this.values.read(bytes, at + 2, end, version, readU16BE(bytes, at));
  }

  #readParameters(bytes: Uint8Array, pos: number, end: number): void {
    const { parameters } = this;
    if (end - pos < 3) throw truncatedFrame(3, end - pos);
    parameters.consistency = consistencyOf(readU16BE(bytes, pos));
    parameters.flags = bytes[pos + 2]!;
    parameters.serialConsistency = Consistency.Serial;
    parameters.hasTimestamp = false;
    // The names would have to stand before the flag that announces them.
    if ((parameters.flags & QueryFlag.Names) !== 0)
      throw new ProtocolError('Names for values cannot be used with BATCH');
    parameters.readTail(bytes, pos + 3, end);
  }

  #reserve(count: number): void {
    const capacity = this.isPrepared.length;
    if (count <= capacity && capacity <= STATEMENTS_KEPT) return;
    const larger = Math.max(count, FIRST_CAPACITY);
    this.isPrepared = new Uint8Array(larger);
    this.statementStarts = new Int32Array(larger);
    this.statementEnds = new Int32Array(larger);
    this.firstValues = new Int32Array(larger + 1);
  }
}
