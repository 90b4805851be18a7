import { copyBytes, readI32BE, readU16BE, writeI32BE, writeU16BE } from '../../core/bytes.ts';
import { crc32 } from '../../core/crc32.ts';
import { InvalidRequestError } from '../../core/errors.ts';

/**
 * Where the next page of a SELECT begins. Opaque to clients, kept by them for as long as they like, and given back on any
 * connection of any node, with another page size, by anybody: every field is checked and none is trusted. All big endian.
 *
 *   byte 0    version         1
 *   byte 1    flags           PagingFlag
 *   byte 2    weight          int8: the page ends before (-1), at (0) or after (+1) the clustering prefix
 *   byte 3    table           16 bytes, the table's UUID
 *   byte 19   statement       int32, a digest of the statement: a token of another statement is refused
 *   byte 23   remaining       int32, rows that LIMIT still allows, -1 without LIMIT
 *   byte 27   remainingInPartition   int32, the same of PER PARTITION LIMIT
 *   byte 31   partitionIndex  int32, which of the keys of an IN, 0 elsewhere
 *   byte 35   key             uint16 length, the partition key's bytes
 *             clustering      uint16 length, a clustering prefix as ClusteringComparator has it
 *   last 4    check           CRC-32 of all that is before
 *
 * The check finds damage. It is no signature: a forged token can at most name a place in the same table, which the reader's
 * permissions cover, and the reader checks the clustering prefix against the table's types before it seeks.
 * @see spec cql-protocol §8.3
 */
export const PAGING_STATE_VERSION = 1;

export const PagingFlag = {
  /** The partition of `key` has rows left; without it the next page begins after the partition. */
  InPartition: 0x01,
  /** The static row of that partition was given already. */
  StaticRowDone: 0x02,
  /** Rows come in the reverse of the table's order. */
  IsReversed: 0x04,
} as const;
const KNOWN_FLAGS = 0x07;

const NO_BYTES = new Uint8Array(0);

const TABLE_AT = 3;
const TABLE_LENGTH = 16;
const STATEMENT_AT = 19;
const REMAINING_AT = 23;
const REMAINING_IN_PARTITION_AT = 27;
const PARTITION_INDEX_AT = 31;
const KEY_AT = 35;
const LEAST_LENGTH: number = KEY_AT + 2 + 2 + 4;
const MAX_PART_LENGTH = 0xffff;
/** The longest token, in bytes: what is longer is refused before it is looked at. */
export const MAX_PAGING_STATE_LENGTH: number = LEAST_LENGTH + 2 * MAX_PART_LENGTH;

/** A position with what is left of the limits. One record can be filled again and again; it borrows `bytes`. */
export class PagingState {
  flags: number;
  weight: number;
  statement: number;
  remaining: number;
  remainingInPartition: number;
  partitionIndex: number;
  /** Holds key and clustering prefix. */
  bytes: Uint8Array;
  keyStart: number;
  keyEnd: number;
  clusteringStart: number;
  clusteringEnd: number;

  constructor() {
    this.flags = 0;
    this.weight = 0;
    this.statement = 0;
    this.remaining = -1;
    this.remainingInPartition = -1;
    this.partitionIndex = 0;
    this.bytes = NO_BYTES;
    this.keyStart = 0;
    this.keyEnd = 0;
    this.clusteringStart = 0;
    this.clusteringEnd = 0;
  }

  /**
   * The token for this position.
   * @param table the table's UUID, 16 bytes
   * @throws InvalidRequestError if the clustering prefix has more than 65535 bytes, which only several huge values reach
   */
  encode(table: Uint8Array): Uint8Array {
    const keyLength = this.keyEnd - this.keyStart;
    const clusteringLength = this.clusteringEnd - this.clusteringStart;
    if (keyLength > MAX_PART_LENGTH || clusteringLength > MAX_PART_LENGTH) {
      throw new InvalidRequestError('a page cannot end here: key or clustering values have more than 65535 bytes');
    }
    const token = new Uint8Array(LEAST_LENGTH + keyLength + clusteringLength);
    token[0] = PAGING_STATE_VERSION;
    token[1] = this.flags;
    token[2] = this.weight;
    token.set(table, TABLE_AT);
    writeI32BE(token, STATEMENT_AT, this.statement);
    writeI32BE(token, REMAINING_AT, this.remaining);
    writeI32BE(token, REMAINING_IN_PARTITION_AT, this.remainingInPartition);
    writeI32BE(token, PARTITION_INDEX_AT, this.partitionIndex);
    writeU16BE(token, KEY_AT, keyLength);
    copyBytes(this.bytes, this.keyStart, this.keyEnd, token, KEY_AT + 2);
    const clusteringAt = KEY_AT + 2 + keyLength;
    writeU16BE(token, clusteringAt, clusteringLength);
    copyBytes(this.bytes, this.clusteringStart, this.clusteringEnd, token, clusteringAt + 2);
    writeI32BE(token, token.length - 4, crc32(token, 0, token.length - 4));
    return token;
  }

  /**
   * Fills the record from the token bytes[start, end), which it borrows from now on.
   * @param table the UUID of the table that the statement reads, 16 bytes
   * @param statement the statement's digest
   * @throws InvalidRequestError for a token that is damaged, cut, of a newer version, or of another table or statement
   */
  decode(bytes: Uint8Array, start: number, end: number, table: Uint8Array, statement: number): void {
    const length = end - start;
    if (length < LEAST_LENGTH || length > MAX_PAGING_STATE_LENGTH) throw badToken(`${length} bytes`);
    if (bytes[start] !== PAGING_STATE_VERSION) throw badToken(`version ${bytes[start]}`);
    if (readI32BE(bytes, end - 4) !== (crc32(bytes, start, end - 4) | 0)) throw badToken('check sum');
    const keyEnd = start + KEY_AT + 2 + readU16BE(bytes, start + KEY_AT);
    // The key may fill the token up to the clustering length and the check, no further.
    if (keyEnd + 2 + 4 > end) throw badToken('key length');
    if (keyEnd + 2 + readU16BE(bytes, keyEnd) + 4 !== end) throw badToken('clustering length');
    for (let i = 0; i < TABLE_LENGTH; i++) {
      if (bytes[start + TABLE_AT + i] !== table[i]) throw badToken('it belongs to another table');
    }
    this.#readFields(bytes, start);
    if (this.statement !== statement) throw badToken('it belongs to another statement');
    this.bytes = bytes;
    this.keyStart = start + KEY_AT + 2;
    this.keyEnd = keyEnd;
    this.clusteringStart = keyEnd + 2;
    this.clusteringEnd = end - 4;
  }

  #readFields(bytes: Uint8Array, start: number): void {
    this.flags = bytes[start + 1]!;
    this.weight = (bytes[start + 2]! << 24) >> 24;
    this.statement = readI32BE(bytes, start + STATEMENT_AT);
    this.remaining = readI32BE(bytes, start + REMAINING_AT);
    this.remainingInPartition = readI32BE(bytes, start + REMAINING_IN_PARTITION_AT);
    this.partitionIndex = readI32BE(bytes, start + PARTITION_INDEX_AT);
    if ((this.flags & ~KNOWN_FLAGS) !== 0) throw badToken(`flags ${this.flags}`);
    if (this.weight < -1 || this.weight > 1) throw badToken(`weight ${this.weight}`);
    if (this.remaining < -1 || this.remainingInPartition < -1) throw badToken('limits');
    if (this.partitionIndex < 0) throw badToken('partition index');
  }
}

/**
 * Number of values in the clustering prefix bytes[start, end) (uint16 length and bytes, each), for the reader's check against
 * the table, or -1 if the bytes are no such prefix.
 */
export function clusteringPrefixSize(bytes: Uint8Array, start: number, end: number): number {
  let count = 0;
  let at = start;
  for (; at < end; count++) {
    if (end - at < 2) return -1;
    at += 2 + readU16BE(bytes, at);
  }
  return at === end ? count : -1;
}

function badToken(why: string): InvalidRequestError {
  return new InvalidRequestError(`Invalid value for the paging state: ${why}`);
}
