import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { ByteWriter } from '../../core/bytes.ts';
import type { ColumnId, TableId } from '../../core/ids.ts';
import { bigIntHi, bigIntLo } from '../../core/int64.ts';
import { RowBodyWriter } from '../../core/mutation/row-body.ts';
import { FragmentKind } from '../../core/read/row-batch.ts';
import { clusteringPrefix } from '../../core/schema/clustering-prefix.ts';
import { type ColumnDescriptor, ColumnKind } from '../../core/schema/column.ts';
import { DEFAULT_TABLE_OPTIONS } from '../../core/schema/default-table-options.ts';
import { TableDescriptor, type TableOptions } from '../../core/schema/table.ts';
import { comparePartition, Token, tokenOf } from '../../core/token.ts';
import type { CqlType } from '../../core/types/cql-type.ts';
import { parseCqlType } from '../../core/types/parse-cql-type.ts';
import { NodeFiles } from '../../shards/host/node-files.ts';
import { Dice, feed, type ModelFragment, type ModelPartition } from '../../sstable/testing/random-partitions.ts';
import { SSTableWriter } from '../../sstable/writer.ts';

/**
 * SSTables of seeded random tables, rows and tombstones whose values are valid, so that Cassandra's tools can show them.
 * Index blocks are small: most partitions have several. What CQL cannot make is there too: times that do not fit together.
 */

const NOTHING: Uint8Array = new Uint8Array(0);
const BASE_US = 1_700_000_000_000_000n;
const BASE_SECOND = 1_700_000_000;
/** Beyond all expiries and deletion times that are written. */
const SECONDS = 400_000_000;

const typeOf = (name: string) => parseCqlType(name, () => undefined);
const SIMPLE = [
  'int',
  'text',
  'bigint',
  'blob',
  'boolean',
  'uuid',
  'frozen<list<int>>',
  'smallint',
  'tuple<int, text>',
  'double',
].map(typeOf);
const KEYS = ['int', 'text', 'bigint', 'blob', 'boolean', 'smallint', 'frozen<list<int>>'].map(typeOf);
const MULTI_CELL = ['list<text>', 'set<int>', 'map<text, bigint>'].map(typeOf);
const COMPRESSIONS: readonly TableOptions['compression'][] = [
  {},
  { class: 'LZ4Compressor', chunk_length_in_kb: '4' },
  { class: 'SnappyCompressor', chunk_length_in_kb: '4' },
  { class: 'DeflateCompressor', chunk_length_in_kb: '16' },
];

/** Writes the SSTable of a seed. @returns the path of its Data.db */
export function writeRandomFile(directory: string, seed: number): string {
  mkdirSync(directory, { recursive: true });
  const random = new RandomFile(seed);
  const { table, partitions } = random;
  const writer = new SSTableWriter(new NodeFiles(), table, {
    directory,
    identifier: '1',
    expectedPartitions: partitions.length,
    base: {
      minTimestampHi: bigIntHi(BASE_US),
      minTimestampLo: bigIntLo(BASE_US),
      minLocalDeletionTime: BASE_SECOND,
      minTtl: 0,
    },
    hostId: 'ddc7bf50-7362-11f0-beaf-3829db282c74',
    indexBlockBytes: random.indexBlockBytes,
  });
  feed(partitions, 64, (batch) => writer.append(batch));
  writer.finish();
  writer.commit();
  return join(directory, 'me-1-big-Data.db');
}

class RandomFile {
  readonly table: TableDescriptor;
  readonly partitions: readonly ModelPartition[];
  readonly indexBlockBytes: number;
  readonly #dice: Dice;
  readonly #out: ByteWriter = new ByteWriter(256);
  readonly #row: RowBodyWriter = new RowBodyWriter();
  #rowTime: readonly [number, number] = [0, 0];
  #rowTtl = 0;
  #rowExpiry = 0;

  constructor(seed: number) {
    const dice = new Dice(seed);
    this.#dice = dice;
    this.indexBlockBytes = dice.pick([256, 1024, 65_536]);
    this.table = this.#makeTable();
    this.partitions = this.#makePartitions();
  }

  #makeTable(): TableDescriptor {
    const dice = this.#dice;
    const columns: ColumnDescriptor[] = [];
    const add = (kind: ColumnKind, letter: string, count: number) => {
      const isCell = kind === ColumnKind.Static || kind === ColumnKind.Regular;
      for (let position = 0; position < count; position++) {
        columns.push({
          id: columns.length as ColumnId,
          name: `${letter}${position}`,
          kind,
          position,
          type: isCell && dice.chance(0.4) ? dice.pick(MULTI_CELL) : dice.pick(isCell ? SIMPLE : KEYS),
          isReversed: kind === ColumnKind.Clustering && dice.chance(0.4),
        });
      }
    };
    add(ColumnKind.PartitionKey, 'p', 1 + dice.below(2));
    add(ColumnKind.Clustering, 'c', dice.below(4));
    add(ColumnKind.Static, 's', columns.at(-1)!.kind === ColumnKind.Clustering ? dice.below(3) : 0);
    add(ColumnKind.Regular, 'r', dice.below(6));
    return new TableDescriptor({
      id: '6f0b5a10-0000-1000-8000-000000000001' as TableId,
      keyspace: 'ks',
      name: 't',
      version: 1,
      columns,
      droppedColumns: [],
      nextColumnId: columns.length,
      options: { ...DEFAULT_TABLE_OPTIONS, compression: dice.pick(COMPRESSIONS) },
    });
  }

  #makePartitions(): ModelPartition[] {
    const dice = this.#dice;
    const token = new Token();
    const byKey = new Map<string, ModelPartition>();
    const mostRows = dice.pick([3, 30, 300]);
    for (let i = dice.pick([3, 12, 400 / mostRows]); i >= 0; i--) {
      const values = this.table.partitionKey.map(({ type }) => this.#value(type));
      if (values.length === 1 && values[0]!.length === 0) continue;
      const key =
        values.length === 1
          ? values[0]!
          : Buffer.concat(values.flatMap((value) => [Buffer.of(value.length >> 8, value.length), value, Buffer.of(0)]));
      tokenOf(key, 0, key.length, token);
      const fragments = this.#fragments(dice.below(mostRows + 1));
      const hasStatic = this.table.statics.length > 0 && dice.chance(0.6);
      const staticRow = hasStatic ? this.#body(this.table.statics, true) : undefined;
      const isNothing = fragments.length === 0 && staticRow === undefined;
      const deletion = isNothing || dice.chance(0.2) ? this.#deletion() : NOTHING;
      byKey.set(key.toString(), { key, tokenHi: token.hi, tokenLo: token.lo, deletion, staticRow, fragments });
    }
    return [...byKey.values()].sort((a, b) =>
      comparePartition(a.tokenHi, a.tokenLo, a.key, 0, a.key.length, b.tokenHi, b.tokenLo, b.key, 0, b.key.length),
    );
  }

  #fragments(count: number): ModelFragment[] {
    const dice = this.#dice;
    const { comparator, clustering, regulars } = this.table;
    const positions = Array.from({ length: count }, () => {
      const isRow = clustering.length === 0 || dice.chance(0.75);
      const values = clustering.slice(0, isRow ? clustering.length : dice.below(clustering.length + 1));
      const prefix = clusteringPrefix(values.map(({ type }) => this.#value(type)));
      return { prefix, weight: isRow ? 0 : dice.pick([-1, 1]) };
    });
    const order = (a: (typeof positions)[0], b: (typeof positions)[0]) =>
      comparator.compare(a.prefix, 0, a.prefix.length, a.weight, b.prefix, 0, b.prefix.length, b.weight);
    positions.sort(order);
    const unique = positions.filter((position, i) => i === 0 || order(positions[i - 1]!, position) !== 0);
    const lastMarker = unique.findLast(({ weight }) => weight !== 0);
    const fragments: ModelFragment[] = [];
    let open = NOTHING;
    for (const place of unique) {
      const { prefix: position, weight } = place;
      if (weight === 0) {
        fragments.push({ kind: FragmentKind.Row, weight, position, body: this.#body(regulars, false) });
        continue;
      }
      const body = place === lastMarker || (open.length > 0 && dice.chance(0.5)) ? NOTHING : this.#deletion();
      if (body.length === 0 && open.length === 0) continue;
      fragments.push({ kind: FragmentKind.RangeChange, weight, position, body });
      open = body;
    }
    return fragments;
  }

  #body(columns: readonly ColumnDescriptor[], isStatic: boolean): Uint8Array {
    const dice = this.#dice;
    const out = this.#out;
    const row = this.#row;
    out.clear();
    row.begin(out);
    this.#rowTime = this.#timestamp();
    this.#rowTtl = dice.chance(0.3) ? this.#ttl() : 0;
    this.#rowExpiry = this.#second();
    const cellCount = columns.length === 0 ? 0 : dice.below(columns.length + 1);
    if (!isStatic && (cellCount === 0 || dice.chance(0.7))) {
      row.liveness(...this.#rowTime, this.#rowTtl, this.#rowExpiry);
    }
    // Older than all else, as nothing that a deletion shadows is written.
    if (!isStatic && dice.chance(0.1)) row.deletion(...halvesOf(-1000n - BigInt(dice.below(1000))), this.#second());
    const first = isStatic && cellCount === 0 ? 0 : columns.length - cellCount;
    for (const column of columns.slice(first).sort((a, b) => a.id - b.id)) {
      if (column.type.isMultiCell) this.#multiCell(column);
      else this.#cell(column.id, undefined, column.type, false);
    }
    return out.toBytes();
  }

  #multiCell({ id, type }: ColumnDescriptor): void {
    const dice = this.#dice;
    const count = dice.below(4);
    const hasDeletion = count === 0 || dice.chance(0.4);
    if (hasDeletion) this.#row.complexDeletion(id, ...halvesOf(BASE_US), this.#second());
    const [first, second] = type.parameters;
    const isList = type.cqlName.startsWith('list');
    const pathType = isList ? typeOf('timeuuid') : first!;
    const paths = Array.from({ length: count }, () => this.#value(pathType)).sort((a, b) =>
      pathType.compare(a, 0, a.length, b, 0, b.length),
    );
    for (const [i, path] of paths.entries()) {
      const before = paths[i - 1];
      if (path.length === 0 || (before !== undefined && Buffer.compare(before, path) === 0)) continue;
      this.#cell(id, path, isList ? first! : second, hasDeletion);
    }
  }

  /**
   * A path makes it an element; without a type it has no value. After a deletion of the column it must be newer than that:
   * Cassandra passes over the others.
   */
  #cell(id: ColumnId, path: Uint8Array | undefined, type: CqlType | undefined, isNewer: boolean): void {
    const dice = this.#dice;
    const row = this.#row;
    const own = isNewer ? halvesOf(BASE_US + 1n + BigInt(dice.below(1000))) : this.#timestamp();
    const [hi, lo] = dice.chance(0.6) && !isNewer ? this.#rowTime : own;
    if (dice.chance(0.15)) {
      if (path === undefined) row.deadCell(id, hi, lo, this.#second());
      else row.deadElement(id, hi, lo, this.#second(), path, 0, path.length);
      return;
    }
    const sharesTtl = dice.chance(0.6);
    const ttl = sharesTtl ? this.#rowTtl : dice.chance(0.5) ? this.#ttl() : 0;
    const expiry = sharesTtl ? this.#rowExpiry : this.#second();
    const value = type === undefined ? NOTHING : this.#value(type);
    if (path === undefined) row.cell(id, hi, lo, ttl, expiry, value, 0, value.length);
    else row.element(id, hi, lo, ttl, expiry, path, 0, path.length, value, 0, value.length);
  }

  #value(type: CqlType): Uint8Array {
    const dice = this.#dice;
    const n = dice.below(dice.pick([4, 1000]));
    switch (type.cqlName) {
      case 'text':
        return Buffer.from('ä'.repeat(n % 3) + 'x'.repeat(dice.chance(0.01) ? 2000 : n % 9) + (n % 5 === 0 ? '' : n));
      case 'blob':
        return Uint8Array.from(dice.bytes(n % 12));
      case 'boolean':
        return Uint8Array.of(n & 1);
      case 'uuid':
        return typeOf('uuid').fromText(`550e8400-e29b-41d4-a716-${String(n).padStart(12, '0')}`);
      case 'timeuuid':
        return typeOf('timeuuid').fromText(`50554d6e-29bb-11e5-b345-${String(n).padStart(12, '0')}`);
      case 'frozen<list<int>>':
        return type.fromText(`[${Array.from({ length: n % 3 }, (_, i) => n - i).join(', ')}]`);
      case 'tuple<int, text>':
      case 'frozen<tuple<int, text>>':
        return type.fromText(n % 4 === 0 ? '(null, null)' : `(${n}, '${n}')`);
      case 'double':
        return type.fromText(String(n / 7));
      default:
        return type.fromText(String(n - 500));
    }
  }

  #timestamp(): [number, number] {
    const dice = this.#dice;
    const us = dice.chance(0.05)
      ? BigInt(dice.below(1000) - 500)
      : BASE_US + BigInt(dice.below(dice.pick([3, 1_000_000])));
    return halvesOf(us);
  }

  #second(): number {
    return BASE_SECOND + this.#dice.below(SECONDS);
  }

  #ttl(): number {
    return 1 + this.#dice.below(600_000_000);
  }

  #deletion(): Uint8Array {
    const out = new ByteWriter(12);
    out.i64LE(...this.#timestamp());
    out.i32LE(this.#second());
    return out.toBytes();
  }
}

function halvesOf(us: bigint): [hi: number, lo: number] {
  return [bigIntHi(us), bigIntLo(us)];
}
