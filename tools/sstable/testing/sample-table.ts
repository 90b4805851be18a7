import { ByteWriter } from '../../../core/bytes.ts';
import type { ColumnId, TableId } from '../../../core/ids.ts';
import { bigIntHi, bigIntLo } from '../../../core/int64.ts';
import { EXPIRED_LIVENESS_TTL, RowBodyWriter } from '../../../core/mutation/row-body.ts';
import type { Files } from '../../../core/ports/files.ts';
import { FragmentKind } from '../../../core/read/row-batch.ts';
import { clusteringPrefix } from '../../../core/schema/clustering-prefix.ts';
import { type ColumnDescriptor, ColumnKind } from '../../../core/schema/column.ts';
import { DEFAULT_TABLE_OPTIONS } from '../../../core/schema/default-table-options.ts';
import { TableDescriptor } from '../../../core/schema/table.ts';
import { comparePartition, Token, tokenOf } from '../../../core/token.ts';
import type { CqlType } from '../../../core/types/cql-type.ts';
import { parseCqlType } from '../../../core/types/parse-cql-type.ts';
import { textType } from '../../../core/types/text.ts';
import { udtType } from '../../../core/types/udt.ts';
import { feed, type ModelFragment, type ModelPartition } from '../../../sstable/testing/random-partitions.ts';
import { SSTableWriter } from '../../../sstable/writer.ts';

/**
 * A table with a column of every kind of cell, and an SSTable of it with every kind of fragment. Key (a text, b int),
 * clustering (c int, d text DESC).
 */
const ADDRESS: CqlType = udtType({ keyspace: 'ks', name: 'address', fieldNames: ['street', 'Number'] }, [
  textType,
  parseCqlType('int', () => undefined),
]);
const type = (text: string): CqlType => parseCqlType(text, (name) => (name === 'address' ? ADDRESS : undefined));

const DECLARED: readonly (readonly [string, ColumnKind, string])[] = [
  ['a', ColumnKind.PartitionKey, 'text'],
  ['b', ColumnKind.PartitionKey, 'int'],
  ['c', ColumnKind.Clustering, 'int'],
  ['d', ColumnKind.Clustering, 'text'],
  ['s', ColumnKind.Static, 'bigint'],
  ['Upper', ColumnKind.Regular, 'double'],
  ['f', ColumnKind.Regular, 'frozen<map<text, int>>'],
  ['l', ColumnKind.Regular, 'list<text>'],
  ['m', ColumnKind.Regular, 'map<text, int>'],
  ['n', ColumnKind.Regular, 'set<int>'],
  ['t', ColumnKind.Regular, 'timestamp'],
  ['u', ColumnKind.Regular, 'address'],
  ['v', ColumnKind.Regular, 'varint'],
];

function columns(): ColumnDescriptor[] {
  const places = new Map<ColumnKind, number>();
  return DECLARED.map(([name, kind, cqlName], i) => {
    const position = places.get(kind) ?? 0;
    places.set(kind, position + 1);
    const id = (DECLARED.length - 1 - i) as ColumnId; // not the order of names
    return { id, name, kind, position, type: type(cqlName), isReversed: name === 'd' };
  });
}

export function sampleTable(compression: Readonly<Record<string, string>>): TableDescriptor {
  return new TableDescriptor({
    id: '6f0b5a10-0000-1000-8000-000000000001' as TableId,
    keyspace: 'ks',
    name: 'sample',
    version: 1,
    columns: columns(),
    droppedColumns: [],
    nextColumnId: DECLARED.length,
    options: { ...DEFAULT_TABLE_OPTIONS, compression },
  });
}

/** 2024-03-09T16:00:00.000001Z. */
const TIMESTAMP = 1_710_000_000_000_001n;
const NOTHING: Uint8Array = new Uint8Array(0);

/** Builds row bodies; cells must be added in the order of column ids. */
class Body {
  readonly #table: TableDescriptor;
  readonly #out: ByteWriter = new ByteWriter(256);
  readonly #row: RowBodyWriter = new RowBodyWriter();

  constructor(table: TableDescriptor) {
    this.#table = table;
    this.#row.begin(this.#out);
  }

  liveness(timestamp: bigint, ttl = 0, expiry = 0): this {
    this.#row.liveness(bigIntHi(timestamp), bigIntLo(timestamp), ttl, expiry);
    return this;
  }
  deletion(timestamp: bigint, time: number): this {
    this.#row.deletion(bigIntHi(timestamp), bigIntLo(timestamp), time);
    return this;
  }
  complexDeletion(name: string, timestamp: bigint, time: number): this {
    this.#row.complexDeletion(this.#column(name).id, bigIntHi(timestamp), bigIntLo(timestamp), time);
    return this;
  }
  cell(name: string, timestamp: bigint, text: string, ttl = 0, expiry = 0): this {
    const { id, type: cellType } = this.#column(name);
    const value = cellType.fromText(text);
    this.#row.cell(id, bigIntHi(timestamp), bigIntLo(timestamp), ttl, expiry, value, 0, value.length);
    return this;
  }
  dead(name: string, timestamp: bigint, time: number): this {
    this.#row.deadCell(this.#column(name).id, bigIntHi(timestamp), bigIntLo(timestamp), time);
    return this;
  }
  element(name: string, timestamp: bigint, path: Uint8Array, value: Uint8Array): this {
    const { id } = this.#column(name);
    const [hi, lo] = [bigIntHi(timestamp), bigIntLo(timestamp)];
    this.#row.element(id, hi, lo, 0, 0, path, 0, path.length, value, 0, value.length);
    return this;
  }
  deadElement(name: string, timestamp: bigint, time: number, path: Uint8Array): this {
    const { id } = this.#column(name);
    this.#row.deadElement(id, bigIntHi(timestamp), bigIntLo(timestamp), time, path, 0, path.length);
    return this;
  }
  end(): Uint8Array {
    return this.#out.toBytes();
  }

  #column(name: string): ColumnDescriptor {
    return this.#table.column(name)!;
  }
}

const text = (value: string): Uint8Array => type('text').fromText(value);
const int = (value: number): Uint8Array => type('int').fromText(String(value));

function deletion(timestamp: bigint, time: number): Uint8Array {
  const out = new ByteWriter(12);
  out.i64LE(bigIntHi(timestamp), bigIntLo(timestamp));
  out.i32LE(time);
  return out.toBytes();
}

function partitionKey(a: string, b: number): Uint8Array {
  const name = text(a);
  return Uint8Array.of(0, name.length, ...name, 0, 0, 4, ...int(b), 0);
}

function row(position: readonly Uint8Array[], body: Uint8Array): ModelFragment {
  return { kind: FragmentKind.Row, weight: 0, position: clusteringPrefix(position), body };
}

function change(position: readonly Uint8Array[], weight: number, body: Uint8Array): ModelFragment {
  return { kind: FragmentKind.RangeChange, weight, position: clusteringPrefix(position), body };
}

function partition(
  key: Uint8Array,
  deleted: Uint8Array,
  staticRow: Uint8Array | undefined,
  fragments: readonly ModelFragment[],
): ModelPartition {
  const token = new Token();
  tokenOf(key, 0, key.length, token);
  return { key, tokenHi: token.hi, tokenLo: token.lo, deletion: deleted, staticRow, fragments };
}

export function samplePartitions(table: TableDescriptor): ModelPartition[] {
  const t = TIMESTAMP;
  const timeuuid = type('timeuuid').fromText('56d81840-69c0-11e8-a327-179d3d84b73d');
  const everything = new Body(table)
    .liveness(t, 3600, 1_710_003_600)
    .cell('v', t, '123456789012345678901234567890', 3600, 1_710_003_600)
    .element('u', t, Uint8Array.of(0, 0), text('Main'))
    .element('u', t, Uint8Array.of(0, 1), int(5))
    .cell('t', 9_223_372_036_854_775_807n, '2024-01-02T03:04:05.678Z', 60, 1_710_000_060)
    .element('n', t, int(7), NOTHING)
    .complexDeletion('m', t - 1n, 1_710_000_000)
    .element('m', t, text('k"'), int(1))
    .deadElement('m', t + 1n, 1_710_000_001, text('z'))
    .element('l', t, timeuuid, text('first'))
    .cell('f', t, "{'x': 1}")
    .dead('Upper', t, 1_710_000_002);
  const rows: ModelFragment[] = [
    change([], -1, deletion(t, 1_710_000_003)),
    change([int(-5)], -1, deletion(t + 1n, 1_710_000_004)),
    change([int(-5)], 1, NOTHING),
    row([int(1), text('y')], everything.end()),
    row([int(1), text('x')], new Body(table).deletion(-5n, 1_710_000_005).cell('Upper', t, '0.5').end()),
    row([int(1), NOTHING], new Body(table).liveness(t).end()),
    row([int(2), text('é')], new Body(table).liveness(t, EXPIRED_LIVENESS_TTL, 1_710_000_006).end()),
    change([int(3)], 1, deletion(t, 1_710_000_007)),
    change([], 1, NOTHING),
  ];
  const list = [
    partition(partitionKey('k', 1), NOTHING, new Body(table).cell('s', t, '-9223372036854775808').end(), rows),
    partition(partitionKey('gone', 2), deletion(t, 1_710_000_008), undefined, []),
    partition(partitionKey('plain', 3), NOTHING, undefined, [
      row([int(0), text('')], new Body(table).liveness(t).end()),
    ]),
  ];
  return list.sort((x, y) =>
    comparePartition(x.tokenHi, x.tokenLo, x.key, 0, x.key.length, y.tokenHi, y.tokenLo, y.key, 0, y.key.length),
  );
}

/** Writes the sample and returns the path of its Data.db. */
export function writeSample(
  files: Files,
  directory: string,
  compression: Readonly<Record<string, string>> = {},
  identifier = '1',
): string {
  const table = sampleTable(compression);
  return writePartitions(files, directory, table, samplePartitions(table), identifier);
}

export function writePartitions(
  files: Files,
  directory: string,
  table: TableDescriptor,
  partitions: readonly ModelPartition[],
  identifier: string,
  indexBlockBytes = 100,
): string {
  const writer = new SSTableWriter(files, table, {
    directory,
    identifier,
    expectedPartitions: partitions.length,
    base: {
      minTimestampHi: bigIntHi(TIMESTAMP),
      minTimestampLo: bigIntLo(TIMESTAMP),
      minLocalDeletionTime: 1_710_000_000,
      minTtl: 0,
    },
    indexBlockBytes,
  });
  feed(partitions, 7, (batch) => writer.append(batch));
  const info = writer.finish()!;
  writer.commit();
  return info.dataPath;
}
