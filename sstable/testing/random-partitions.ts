import { ByteWriter } from '../../core/bytes.ts';
import type { ColumnId, TableId } from '../../core/ids.ts';
import { bigIntHi, bigIntLo, INT64_MAX_HI, INT64_MAX_LO, INT64_MIN_HI, INT64_MIN_LO } from '../../core/int64.ts';
import { EXPIRED_LIVENESS_TTL, MAX_EXPIRY, RowBodyWriter } from '../../core/mutation/row-body.ts';
import { FragmentKind, RowBatch } from '../../core/read/row-batch.ts';
import { clusteringPrefix } from '../../core/schema/clustering-prefix.ts';
import { type ColumnDescriptor, ColumnKind } from '../../core/schema/column.ts';
import { DEFAULT_TABLE_OPTIONS } from '../../core/schema/default-table-options.ts';
import { TableDescriptor, type TableOptions } from '../../core/schema/table.ts';
import { comparePartition, Token, tokenOf } from '../../core/token.ts';
import { listType, mapType, setType } from '../../core/types/collection.ts';
import type { CqlType } from '../../core/types/cql-type.ts';
import { frozen } from '../../core/types/frozen.ts';
import { intType } from '../../core/types/int.ts';
import { NATIVE_TYPES } from '../../core/types/native-types.ts';
import { textType } from '../../core/types/text.ts';
import { tupleType } from '../../core/types/tuple.ts';
import { udtType } from '../../core/types/udt.ts';
import { timeuuidType } from '../../core/types/uuid.ts';
import { vectorType } from '../../core/types/vector.ts';
import type { EncodingBase } from '../format/row-encoder.ts';

/** Small seeded random numbers (xorshift32): the same seed makes the same tables and rows. */
export class Dice {
  #state: number;

  constructor(seed: number) {
    this.#state = Math.imul(seed, 0x9e37_79b1) | 1;
  }

  bits(): number {
    let x = this.#state;
    x ^= x << 13;
    x ^= x >>> 17;
    x ^= x << 5;
    this.#state = x;
    return Math.imul(x, 0x85eb_ca6b) >>> 0;
  }

  /** 0 to n - 1. */
  below(n: number): number {
    return this.bits() % n;
  }

  chance(probability: number): boolean {
    return this.bits() / 0x1_0000_0000 < probability;
  }

  pick<T>(list: readonly T[]): T {
    return list[this.below(list.length)]!;
  }

  bytes(length: number): Uint8Array {
    const bytes = new Uint8Array(length);
    for (let i = 0; i < length; i++) bytes[i] = this.bits() >>> 13;
    return bytes;
  }
}

/** One fragment as plain data; `body` of a PartitionStart or RangeChange is its deletion, empty for none. */
export interface ModelFragment {
  readonly kind: FragmentKind;
  readonly weight: number;
  readonly position: Uint8Array;
  readonly body: Uint8Array;
}

export interface ModelPartition {
  readonly key: Uint8Array;
  readonly tokenHi: number;
  readonly tokenLo: number;
  readonly deletion: Uint8Array;
  readonly staticRow: Uint8Array | undefined;
  /** Rows and range changes in clustering order. */
  readonly fragments: readonly ModelFragment[];
}

export interface RandomTable {
  readonly table: TableDescriptor;
  readonly partitions: readonly ModelPartition[];
  readonly base: EncodingBase;
}

const UDT: CqlType = udtType({ keyspace: 'ks', name: 'address', fieldNames: ['street', 'num'] }, [textType, intType]);
const FROZEN_TYPES: readonly CqlType[] = [
  ...NATIVE_TYPES.filter((type) => type.cqlName !== 'counter'),
  frozen(listType(intType)),
  frozen(mapType(textType, setType(intType))),
  tupleType([intType, textType]),
  frozen(UDT),
  vectorType(intType, 3),
  vectorType(textType, 2),
];
const MULTI_CELL_TYPES: readonly CqlType[] = [
  listType(textType),
  setType(timeuuidType),
  mapType(intType, textType),
  UDT,
];

const COMPRESSIONS: readonly TableOptions['compression'][] = [
  {},
  { sstable_compression: 'LZ4Compressor', chunk_length_in_kb: '1' },
  { class: 'org.apache.cassandra.io.compress.LZ4Compressor' },
  { class: 'ZstdCompressor', chunk_length_in_kb: '2', compression_level: '1' },
  { class: 'DeflateCompressor', chunk_length_in_kb: '16' },
  { class: 'SnappyCompressor', chunk_length_in_kb: '4' },
  { class: 'NoopCompressor', chunk_length_in_kb: '1' },
];

export function tableOptions(changes: Partial<TableOptions>): TableOptions {
  return { ...DEFAULT_TABLE_OPTIONS, compression: {}, ...changes };
}

export function randomTable(dice: Dice): TableDescriptor {
  const columns: Omit<ColumnDescriptor, 'id'>[] = [];
  const add = (kind: ColumnKind, count: number, multiCell: boolean) => {
    const names = Array.from({ length: count }, (_, i) => `c${kind}_${dice.below(1000)}_${i}`).sort();
    for (const [position, name] of names.entries()) {
      const type = multiCell && dice.chance(0.4) ? dice.pick(MULTI_CELL_TYPES) : dice.pick(FROZEN_TYPES);
      columns.push({ name, kind, position, type, isReversed: kind === ColumnKind.Clustering && dice.chance(0.3) });
    }
  };
  add(ColumnKind.PartitionKey, 1 + dice.below(2), false);
  add(ColumnKind.Clustering, dice.chance(0.05) ? 33 : dice.below(4), false);
  add(ColumnKind.Static, dice.chance(0.5) ? 0 : dice.below(4), true);
  add(ColumnKind.Regular, dice.chance(0.1) ? 70 : dice.below(7), true);
  const ids = columns.map((_, i) => i * 2 + dice.below(2));
  for (let i = ids.length - 1; i > 0; i--) {
    const j = dice.below(i + 1);
    [ids[i], ids[j]] = [ids[j]!, ids[i]!];
  }
  return new TableDescriptor({
    id: '6f0b5a10-0000-1000-8000-000000000001' as TableId,
    keyspace: 'ks',
    name: 't',
    version: 1,
    columns: columns.map((column, i) => ({ ...column, id: ids[i]! as ColumnId })),
    droppedColumns: [],
    nextColumnId: columns.length * 2,
    options: tableOptions({
      compression: dice.pick(COMPRESSIONS),
      bloomFilterFpChance: dice.pick([0.01, 0.1, 1, 0.0001]),
    }),
  });
}

export function randomPartitions(seed: number): RandomTable {
  const dice = new Dice(seed);
  const table = randomTable(dice);
  const rows = new RandomRows(dice, table);
  const count = 1 + dice.below(dice.chance(0.1) ? 300 : 8);
  const mostRows = count > 20 ? 3 : dice.pick([2, 20, 120]);
  const token = new Token();
  const partitions: ModelPartition[] = [];
  const seen = new Set<string>();
  for (let i = 0; i < count; i++) {
    const key = dice.bytes(dice.chance(0.02) ? 0 : 1 + dice.below(20));
    if (seen.has(key.toString())) continue;
    seen.add(key.toString());
    tokenOf(key, 0, key.length, token);
    partitions.push(rows.partition(key, token, dice.below(mostRows + 1)));
  }
  partitions.sort((a, b) =>
    comparePartition(a.tokenHi, a.tokenLo, a.key, 0, a.key.length, b.tokenHi, b.tokenLo, b.key, 0, b.key.length),
  );
  return { table, partitions, base: rows.base() };
}

/** Random rows, markers and bodies of one table. */
class RandomRows {
  readonly #dice: Dice;
  readonly #table: TableDescriptor;
  readonly #out: ByteWriter = new ByteWriter(256);
  readonly #row: RowBodyWriter = new RowBodyWriter();

  constructor(dice: Dice, table: TableDescriptor) {
    this.#dice = dice;
    this.#table = table;
  }

  base(): EncodingBase {
    const [minTimestampHi, minTimestampLo] = this.#timestamp();
    const dice = this.#dice;
    return {
      minTimestampHi,
      minTimestampLo,
      minLocalDeletionTime: dice.chance(0.5) ? 1_600_000_000 : dice.bits() | 0,
      minTtl: dice.chance(0.5) ? 0 : dice.bits() | 0,
    };
  }

  partition(key: Uint8Array, token: Token, unfiltereds: number): ModelPartition {
    const dice = this.#dice;
    const hasStatic = this.#table.statics.length > 0 && dice.chance(0.6);
    const fragments = this.#fragments(unfiltereds);
    const staticRow = hasStatic ? this.#body(this.#table.statics, true) : undefined;
    const isNothing = fragments.length === 0 && staticRow === undefined;
    const deletion = isNothing || dice.chance(0.2) ? this.#deletion() : NOTHING;
    return { key, tokenHi: token.hi, tokenLo: token.lo, deletion, staticRow, fragments };
  }

  #fragments(count: number): ModelFragment[] {
    const dice = this.#dice;
    const { comparator, clustering } = this.#table;
    const positions: { prefix: Uint8Array; weight: number }[] = [];
    for (let i = 0; i < count; i++) {
      const isRow = dice.chance(0.7);
      const values = clustering.slice(0, isRow ? clustering.length : dice.below(clustering.length + 1));
      const prefix = clusteringPrefix(values.map((column) => this.#value(column.type, 3)));
      positions.push({ prefix, weight: isRow ? 0 : dice.pick([-1, 1]) });
    }
    const order = (a: (typeof positions)[0], b: (typeof positions)[0]) =>
      comparator.compare(a.prefix, 0, a.prefix.length, a.weight, b.prefix, 0, b.prefix.length, b.weight);
    positions.sort(order);
    const unique = positions.filter((position, i) => i === 0 || order(positions[i - 1]!, position) !== 0);
    const markers = unique.filter(({ weight }) => weight !== 0);
    const lastMarker = markers.at(-1);
    const fragments: ModelFragment[] = [];
    let open = NOTHING;
    for (const position of unique) {
      const { prefix, weight } = position;
      if (weight === 0) {
        fragments.push({
          kind: FragmentKind.Row,
          weight,
          position: prefix,
          body: this.#body(this.#table.regulars, false),
        });
        continue;
      }
      if (position === lastMarker && open.length === 0) continue; // a single marker opens nothing that could be closed
      const body = position === lastMarker || (open.length > 0 && dice.chance(0.5)) ? NOTHING : this.#deletion();
      if (body.toString() === open.toString()) continue;
      fragments.push({ kind: FragmentKind.RangeChange, weight, position: prefix, body });
      open = body;
    }
    if (open.length > 0) throw new Error('the generator left a range open');
    return fragments;
  }

  #body(columns: readonly ColumnDescriptor[], isStatic: boolean): Uint8Array {
    const dice = this.#dice;
    const out = this.#out;
    const row = this.#row;
    out.clear();
    row.begin(out);
    const [rowHi, rowLo] = this.#timestamp();
    const rowTtl = dice.chance(0.3) ? this.#ttl() : 0;
    const rowExpiry = dice.below(MAX_EXPIRY);
    let isEmpty = true;
    if (!isStatic && dice.chance(0.7)) {
      row.liveness(rowHi, rowLo, rowTtl !== 0 && dice.chance(0.1) ? EXPIRED_LIVENESS_TTL : rowTtl, rowExpiry);
      isEmpty = false;
    }
    if (!isStatic && dice.chance(0.1)) {
      const [hi, lo] = this.#timestamp();
      row.deletion(hi, lo, dice.below(MAX_EXPIRY));
      isEmpty = false;
    }
    const density = dice.pick([0, 0.1, 0.5, 1]);
    for (const column of [...columns].sort((a, b) => a.id - b.id)) {
      if (!dice.chance(density)) continue;
      if (column.type.isMultiCell) isEmpty = this.#multiCell(column, rowHi, rowLo, rowTtl, rowExpiry) && isEmpty;
      else {
        this.#cell(column.id, rowHi, rowLo, rowTtl, rowExpiry, NOTHING, this.#value(column.type, 40));
        isEmpty = false;
      }
    }
    if (isEmpty) {
      const column = columns[0];
      if (column === undefined || isStatic) {
        if (column === undefined) row.liveness(rowHi, rowLo, 0, 0);
        else if (column.type.isMultiCell) row.complexDeletion(column.id, rowHi, rowLo, 5);
        else row.deadCell(column.id, rowHi, rowLo, 7);
      } else row.liveness(rowHi, rowLo, 0, 0);
    }
    return out.toBytes();
  }

  /** True when nothing was written. */
  #multiCell(column: ColumnDescriptor, hi: number, lo: number, ttl: number, expiry: number): boolean {
    const dice = this.#dice;
    const hasDeletion = dice.chance(0.4);
    if (hasDeletion) {
      const [deletionHi, deletionLo] = this.#timestamp();
      this.#row.complexDeletion(column.id, deletionHi, deletionLo, dice.below(MAX_EXPIRY));
    }
    const elements = dice.below(4);
    for (let i = 0; i < elements; i++) {
      const path = Uint8Array.of(i, ...dice.bytes(dice.below(6)));
      this.#cell(column.id, hi, lo, ttl, expiry, path, dice.bytes(dice.below(10)));
    }
    return !hasDeletion && elements === 0;
  }

  /** A path makes it an element. */
  #cell(id: number, hi: number, lo: number, ttl: number, expiry: number, path: Uint8Array, value: Uint8Array): void {
    const dice = this.#dice;
    const row = this.#row;
    const own = this.#timestamp();
    const [cellHi, cellLo] = dice.chance(0.6) ? [hi, lo] : own;
    const isElement = path.length > 0;
    if (dice.chance(0.15)) {
      const time = dice.below(MAX_EXPIRY);
      if (isElement) row.deadElement(id, cellHi, cellLo, time, path, 0, path.length);
      else row.deadCell(id, cellHi, cellLo, time);
      return;
    }
    const cellTtl = dice.chance(0.6) ? ttl : dice.chance(0.5) ? this.#ttl() : 0;
    const cellExpiry = cellTtl === ttl ? expiry : dice.below(MAX_EXPIRY);
    if (isElement) {
      row.element(id, cellHi, cellLo, cellTtl, cellExpiry, path, 0, path.length, value, 0, value.length);
    } else row.cell(id, cellHi, cellLo, cellTtl, cellExpiry, value, 0, value.length);
  }

  #value(type: CqlType, mostBytes: number): Uint8Array {
    const dice = this.#dice;
    if (dice.chance(0.05)) return NOTHING;
    if (type.fixedLength >= 0) return mostBytes <= 3 ? smallOf(dice, type.fixedLength) : dice.bytes(type.fixedLength);
    return dice.bytes(mostBytes > 3 && dice.chance(0.02) ? 3000 : dice.below(mostBytes));
  }

  #timestamp(): [number, number] {
    const dice = this.#dice;
    switch (dice.below(10)) {
      case 0:
        return [INT64_MAX_HI, INT64_MAX_LO];
      case 1:
        return [INT64_MIN_HI, INT64_MIN_LO + 1];
      case 2:
        return [dice.bits() | 0 || 1, dice.bits() | 0];
      default: {
        const us = 1_700_000_000_000_000n + BigInt(dice.below(1_000_000));
        return [bigIntHi(us), bigIntLo(us)];
      }
    }
  }

  #deletion(): Uint8Array {
    const out = new ByteWriter(12);
    const [hi, lo] = this.#timestamp();
    out.i64LE(hi, lo);
    out.i32LE(this.#dice.below(MAX_EXPIRY));
    return out.toBytes();
  }

  #ttl(): number {
    return 1 + this.#dice.below(630_720_000);
  }
}

/** Few different values, so that prefixes are shared. */
function smallOf(dice: Dice, length: number): Uint8Array {
  const bytes = new Uint8Array(length);
  if (length > 0) bytes[length - 1] = dice.below(12);
  return bytes;
}

/** Hands the partitions to `take` in batches of at most `capacity` fragments. */
export function feed(partitions: readonly ModelPartition[], capacity: number, take: (batch: RowBatch) => void): void {
  const batch = new RowBatch(capacity);
  const flush = () => {
    if (batch.isFull()) {
      take(batch);
      batch.clear();
    }
  };
  const add = (kind: FragmentKind, weight: number, position: Uint8Array, body: Uint8Array) => {
    flush();
    batch.beginFragment(kind, weight, position, 0, position.length);
    batch.writer.raw(body);
    batch.endFragment();
  };
  for (const { key, tokenHi, tokenLo, deletion, staticRow, fragments } of partitions) {
    flush();
    batch.tokenHi[batch.count] = tokenHi;
    batch.tokenLo[batch.count] = tokenLo;
    add(FragmentKind.PartitionStart, 0, key, deletion);
    if (staticRow !== undefined) add(FragmentKind.StaticRow, 0, NOTHING, staticRow);
    for (const { kind, weight, position, body } of fragments) add(kind, weight, position, body);
    add(FragmentKind.PartitionEnd, 0, NOTHING, NOTHING);
  }
  take(batch);
}

const NOTHING: Uint8Array = new Uint8Array(0);
