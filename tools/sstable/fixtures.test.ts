import { existsSync, readFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { sstableCommand } from '../commands/sstable.ts';
import { CollectedOutput } from './testing/collected-output.ts';

/**
 * Dumps of files that Cassandra and ScyllaDB wrote against `expected.json`, which others derived from the statements that
 * made the files. The expectations are turned into the shape of the dump; numbers are compared as texts.
 */
const FIXTURES: string = resolve(dirname(fileURLToPath(import.meta.url)), '../../../shared/fixtures/sstables');

interface Deletion {
  readonly marked_deleted: string;
  readonly local_deletion_time: number;
}
interface Cell {
  readonly name?: string;
  readonly timestamp: string;
  readonly deleted?: boolean;
  readonly local_deletion_time?: number;
  readonly value?: unknown;
  readonly value_hex?: unknown;
  readonly ttl?: number;
  readonly expires_at?: number;
  readonly path?: unknown;
  readonly shards?: readonly { id: string; clock: string; count: string }[];
  readonly deletion?: Deletion | null;
  readonly elements?: readonly Cell[];
}
interface Unfiltered {
  readonly kind: string;
  readonly position?: string | number;
  readonly clustering: readonly unknown[];
  readonly clustering_hex: readonly (string | null)[];
  readonly liveness?: { timestamp: string; ttl?: number; expires_at?: number } | null;
  readonly deletion?: Deletion | null;
  readonly shadowable_deletion?: Deletion;
  readonly cells: readonly Cell[];
  readonly bound: string;
  readonly start_deletion?: Deletion;
}
interface Partition {
  readonly key_hex: string;
  readonly key: readonly unknown[];
  readonly token: string | null;
  readonly position: string | number;
  readonly deletion: Deletion | null;
  readonly static: Unfiltered | null;
  readonly rows: readonly Unfiltered[];
}
interface Table {
  readonly prefix: string;
  readonly version: string;
  readonly partitions_complete: boolean;
  readonly partitions: readonly Partition[];
}
interface Fixture {
  readonly case: string;
  readonly expect: { readonly readable: boolean };
  readonly sstables: readonly Table[];
}

const hexOfLength = (hex: string): string => (hex.length / 2).toString(16).padStart(4, '0') + hex;

/** `scylla sstable`'s tombstone with `-t`. */
function tombstone(deletion: Deletion | null | undefined): object {
  if (deletion === null || deletion === undefined) return {};
  return { timestamp: deletion.marked_deleted, deletion_time: String(deletion.local_deletion_time) };
}

/** The text of a value of a simple type; undefined where the expectation has another form. */
function plainText(value: unknown): string | undefined {
  if (typeof value === 'boolean' || typeof value === 'number') return String(value);
  if (typeof value !== 'string') return undefined;
  return value.startsWith('0x') ? value.slice(2) : value;
}

/** What the text of the value must be. The expectation shows a float as the double that equals it. */
function valueText(value: unknown): unknown {
  if (typeof value === 'number' && !Number.isInteger(value)) {
    return expect.toSatisfy((text: string) => Number(text) === value || Math.fround(Number(text)) === value);
  }
  return plainText(value) ?? expect.any(String);
}

function cell(expected: Cell): object {
  const { timestamp, deleted, shards } = expected;
  if (expected.elements !== undefined) {
    const cells = expected.elements.map((element) => ({ key: expect.any(String), value: cell(element) }));
    return expected.deletion === null ? { cells } : { tombstone: tombstone(expected.deletion), cells };
  }
  if (deleted) {
    return { is_live: false, type: expect.any(String), timestamp, deletion_time: String(expected.local_deletion_time) };
  }
  if (shards !== undefined) {
    const value = shards.map(({ id, clock, count }) => ({ id, value: count, clock }));
    return { is_live: true, type: 'counter-shards', timestamp, value };
  }
  const expiry = expected.ttl === undefined ? {} : { ttl: `${expected.ttl}s`, expiry: String(expected.expires_at) };
  return {
    is_live: true,
    type: expect.stringMatching(/^(regular|frozen-collection)$/),
    timestamp,
    ...expiry,
    value: valueText(expected.value),
  };
}

function columns(cells: readonly Cell[]): object {
  return Object.fromEntries(cells.map((expected) => [expected.name!, cell(expected)]));
}

const WEIGHTS: Readonly<Record<string, string>> = {
  EXCL_END: '-1',
  INCL_START: '-1',
  EXCL_END_INCL_START: '-1',
  INCL_END: '1',
  EXCL_START: '1',
  INCL_END_EXCL_START: '1',
};

function element(expected: Unfiltered): object {
  const values = expected.clustering_hex.filter((value) => value !== null);
  const key = { raw: values.map(hexOfLength).join(''), value: expect.any(String) };
  if (expected.kind === 'row') {
    const { deletion, shadowable_deletion: shadowable, liveness } = expected;
    const hasDeletion = (deletion ?? shadowable ?? null) !== null;
    const { timestamp, ttl, expires_at: expiry } = liveness ?? {};
    return {
      type: 'clustering-row',
      key,
      ...(hasDeletion
        ? { tombstone: tombstone(deletion), shadowable_tombstone: tombstone(newest(shadowable, deletion)) }
        : {}),
      ...(liveness == null
        ? {}
        : { marker: ttl === undefined ? { timestamp } : { timestamp, ttl: `${ttl}s`, expiry: String(expiry) } }),
      columns: columns(expected.cells),
    };
  }
  const opened = expected.kind === 'boundary' ? expected.start_deletion : expected.deletion;
  const closes = expected.kind === 'bound' && expected.bound.endsWith('END');
  return {
    type: 'range-tombstone-change',
    ...(values.length === 0 ? {} : { key }),
    weight: WEIGHTS[expected.bound],
    tombstone: closes ? {} : tombstone(opened),
  };
}

function newest(a: Deletion | undefined, b: Deletion | null | undefined): Deletion | undefined {
  if (a === undefined) return b ?? undefined;
  return b == null || BigInt(a.marked_deleted) > BigInt(b.marked_deleted) ? a : b;
}

function scyllaPartition({ key, key_hex, token, deletion, static: statics, rows }: Partition): object {
  const texts = key.map(plainText);
  return {
    key: {
      ...(token === null ? {} : { token }),
      raw: key.length === 1 ? hexOfLength(key_hex) : compositeRaw(key_hex),
      value: texts.includes(undefined) ? expect.any(String) : texts.join(':'),
    },
    ...(deletion === null ? {} : { tombstone: tombstone(deletion) }),
    ...(statics === null || statics.cells.length === 0 ? {} : { static_row: columns(statics.cells) }),
    ...(rows.length === 0 ? {} : { clustering_elements: rows.map(element) }),
  };
}

/** The serialized form of several columns without the zero byte after each. */
function compositeRaw(hex: string): string {
  let raw = '';
  for (let at = 0; at < hex.length; ) {
    const end = at + 4 + Number.parseInt(hex.slice(at, at + 4), 16) * 2;
    raw += hex.slice(at, end);
    at = end + 2;
  }
  return raw;
}

const TYPES: Readonly<Record<string, string>> = {
  row: 'row',
  bound: 'range_tombstone_bound',
  boundary: 'range_tombstone_boundary',
};

function sstabledumpPartition({ key, position, deletion, static: statics, rows }: Partition): object {
  const texts = key.map((value) => plainText(value) ?? expect.any(String));
  const deletionInfo = (of: Deletion) => ({
    marked_deleted: of.marked_deleted,
    local_delete_time: String(of.local_deletion_time),
  });
  const shown = rows.map((row) => ({
    type: TYPES[row.kind],
    ...(row.kind !== 'row' ? {} : { position: String(row.position) }),
    ...(row.kind === 'row' && row.liveness != null
      ? { liveness_info: expect.objectContaining({ tstamp: row.liveness.timestamp }) }
      : {}),
  }));
  const block = statics !== null && statics.cells.length > 0 ? [{ type: 'static_block' }] : [];
  return {
    partition: {
      key: texts,
      position: String(position),
      ...(deletion === null ? {} : { deletion_info: deletionInfo(deletion) }),
    },
    rows: [...block, ...shown],
  };
}

function loadCases(): Fixture[] {
  if (!existsSync(FIXTURES)) return [];
  const names = JSON.parse(readFileSync(join(FIXTURES, 'cases.json'), 'utf8')) as { case: string }[];
  return names.map((entry) => JSON.parse(readFileSync(join(FIXTURES, entry.case, 'expected.json'), 'utf8')) as Fixture);
}

const MOST_PARTITIONS = 300;
const tables = loadCases()
  .filter((fixture) => fixture.expect.readable)
  .flatMap((fixture) => fixture.sstables.map((table) => ({ name: `${fixture.case} ${table.prefix}`, fixture, table })))
  .filter(({ table }) => /^(m[a-est]|n[abc]|oa|da)$/.test(table.version))
  .filter(({ table }) => table.partitions_complete && table.partitions.length <= MOST_PARTITIONS);

async function dump(path: string, ...args: string[]): Promise<unknown> {
  const out = new CollectedOutput();
  expect([await sstableCommand(['dump-data', '-t', ...args, path], out), out.errors]).toEqual([0, []]);
  return out.json;
}

describe.skipIf(tables.length === 0)('dumps of files of others (skipped where the fixtures are not there)', () => {
  test.each(tables)('$name', async ({ fixture, table }) => {
    const path = join(FIXTURES, fixture.case, `${table.prefix}-Data.db`);
    const scylla = await dump(path);
    expect(scylla).toEqual({ sstables: { [path]: table.partitions.map(scyllaPartition) } });
    const cassandra = await dump(path, '--format', 'sstabledump');
    expect(cassandra).toMatchObject(table.partitions.map(sstabledumpPartition));
  });

  test('there are many of them, of many versions', () => {
    expect(tables.length).toBeGreaterThan(50);
    const versions = new Set(tables.map(({ table }) => table.version));
    expect([...versions].sort()).toEqual(['da', 'ma', 'mb', 'mc', 'md', 'me', 'ms', 'mt', 'na', 'nb', 'nc', 'oa']);
  });
});
