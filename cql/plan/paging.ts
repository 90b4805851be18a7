import { equalBytes } from '../../core/bytes.ts';
import { InvalidRequestError } from '../../core/errors.ts';
import { Murmur3Hash, murmur3 } from '../../core/murmur3.ts';
import { checkPartitionKey } from '../../core/partition-key.ts';
import type { PartitionRef } from '../../core/read/read-command.ts';
import type { TokenRange } from '../../core/read/slice.ts';
import { ClusteringPrefixReader, clusteringValueCount } from '../../core/schema/clustering-prefix.ts';
import type { TableDescriptor } from '../../core/schema/table.ts';
import { rangeContains, Token, tokenOf } from '../../core/token.ts';
import type { SelectStatement } from '../language/ast.ts';
import { printStatement } from '../language/printer.ts';
import { PagingFlag, PagingState } from '../protocol/paging-state.ts';
import { copyOf } from './restrictions-values.ts';

/** Where a page begins: what an earlier page of the same statement left. */
export interface PageStart {
  /** Rows that LIMIT still allows; -1 without LIMIT. */
  readonly remaining: number;
  /** What PER PARTITION LIMIT still allows in the partition that was begun; -1 without one. */
  readonly remainingInPartition: number;
  /** Index of the partition among those of the statement; 0 for scans. */
  readonly partitionIndex: number;
  readonly key: Uint8Array;
  /** Prefix of the last row that was given of the partition; undefined when it is done with. */
  readonly position: Uint8Array | undefined;
}

/** Tells statements apart: same on every node and after a restart, whatever the blanks of the text. */
export function statementDigest(statement: SelectStatement, table: TableDescriptor): number {
  const text = Buffer.from(`${table.keyspace}.${table.name}\n${printStatement(statement)}`);
  const hash = new Murmur3Hash();
  murmur3(text, 0, text.length, hash);
  return hash.h1Lo;
}

/** Makes and takes the paging states of one statement. */
export class Pager {
  readonly #table: TableDescriptor;
  readonly #tableId: Uint8Array;
  readonly #digest: number;
  readonly #isReversed: boolean;
  readonly #state: PagingState = new PagingState();

  /** @param tableId 16 bytes */
  constructor(table: TableDescriptor, tableId: Uint8Array, digest: number, isReversed: boolean) {
    this.#table = table;
    this.#tableId = tableId;
    this.#digest = digest;
    this.#isReversed = isReversed;
  }

  /**
   * @param bytes the client's: anything
   * @throws InvalidRequestError for a state of another statement, a damaged or a forged one
   */
  decode(bytes: Uint8Array): PageStart {
    const state = this.#state;
    state.decode(bytes, 0, bytes.length, this.#tableId, this.#digest);
    if (((state.flags & PagingFlag.IsReversed) !== 0) !== this.#isReversed) throw badState('direction');
    const key = copyOf(state.bytes, state.keyStart, state.keyEnd);
    if (key.length === 0) throw badState('no key');
    const problem = checkPartitionKey(key, 0, key.length, this.#table.partitionKey.length);
    if (problem !== undefined) throw badState(problem);
    if (state.remaining === 0 || state.remainingInPartition === 0) throw badState('limits');
    const isInside = (state.flags & PagingFlag.InPartition) !== 0;
    const position = isInside ? copyOf(state.bytes, state.clusteringStart, state.clusteringEnd) : undefined;
    if (position !== undefined) this.#checkPosition(position);
    state.bytes = NOTHING; // not to hold on to the request
    return {
      remaining: state.remaining,
      remainingInPartition: state.remainingInPartition,
      partitionIndex: state.partitionIndex,
      key,
      position,
    };
  }

  /** The state for the next page. @throws InvalidRequestError when key or position are too long for one */
  encode(start: PageStart): Uint8Array {
    const state = this.#state;
    const { key, position } = start;
    state.flags =
      (position === undefined ? 0 : PagingFlag.InPartition | PagingFlag.StaticRowDone) |
      (this.#isReversed ? PagingFlag.IsReversed : 0);
    state.weight = 0;
    state.statement = this.#digest;
    state.remaining = start.remaining;
    state.remainingInPartition = start.remainingInPartition;
    state.partitionIndex = start.partitionIndex;
    const bytes = new Uint8Array(key.length + (position?.length ?? 0));
    bytes.set(key);
    if (position !== undefined) bytes.set(position, key.length);
    state.bytes = bytes;
    state.keyStart = 0;
    state.keyEnd = key.length;
    state.clusteringStart = key.length;
    state.clusteringEnd = bytes.length;
    return state.encode(this.#tableId);
  }

  #checkPosition(position: Uint8Array): void {
    const { clustering } = this.#table;
    const count = clusteringValueCount(position, 0, position.length);
    if (count < 0 || count > clustering.length) throw badState('position');
    const reader = new ClusteringPrefixReader();
    reader.open(position, 0, position.length);
    for (let i = 0; reader.next(); i++) {
      const wrong = clustering[i]!.type.validate(position, reader.valueStart, reader.valueEnd);
      if (wrong !== undefined) throw badState(wrong);
    }
  }
}

/** The partitions that are left, the one begun first. @throws InvalidRequestError when the values are not those of the first page */
export function partitionsFrom(partitions: readonly PartitionRef[], start: PageStart): readonly PartitionRef[] {
  const { key, partitionIndex, position } = start;
  const begun = partitions[partitionIndex];
  if (begun === undefined || !equalBytes(begun.key, 0, begun.key.length, key, 0, key.length)) {
    throw badState('it belongs to other values');
  }
  return partitions.slice(position === undefined ? partitionIndex + 1 : partitionIndex);
}

/** The part of the range that is left. @throws InvalidRequestError when the values are not those of the first page */
export function rangeFrom(range: TokenRange, { key, position }: PageStart): TokenRange {
  const token = new Token();
  tokenOf(key, 0, key.length, token);
  if (!rangeContains(range, token.hi, token.lo, key, 0, key.length)) throw badState('it belongs to other values');
  return { ...range, startHi: token.hi, startLo: token.lo, startKey: key, startInclusive: position !== undefined };
}

export function badState(why: string): InvalidRequestError {
  return new InvalidRequestError(`Invalid value for the paging state: ${why}`);
}

const NOTHING = new Uint8Array(0);
