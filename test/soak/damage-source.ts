import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { readDurableMarks } from '../../commitlog/durable-mark.ts';
import { examineLog } from '../../commitlog/examine.ts';
import { NodeFiles } from '../../shards/host/node-files.ts';
import { SimRandom } from '../sim/sim-random.ts';
import { startNode } from '../support/start-node.ts';
import { SoakClient } from './soak-client.ts';
import { claim } from './suite.ts';

const SHARDS = 2;
const PARTITIONS = 40;
const TABLES = ['packed', 'plain'] as const;
export const DAMAGE_ARGS: readonly string[] = [
  '--commitlog-sync',
  'batch',
  '--commitlog-segment-size-in-mb',
  '1',
  '--api-port',
  '0',
  '--prometheus-port',
  '0',
];

/** What a node left behind: SSTables of several ages and two kinds, and commitlog segments that are still needed. */
export interface DamageSource {
  readonly workdir: string;
  /** For each table, what `rowsByKey` makes of all its rows. */
  readonly rows: ReadonlyMap<string, ReadonlyMap<string, string>>;
}

export const SELECTS: Readonly<Record<string, string>> = {
  packed: 'SELECT p, c, v, s FROM damage.packed',
  plain: 'SELECT p, c, v, s FROM damage.plain',
};

/** What a table should hold. */
interface Model {
  /** Values by `p/c`, and static values by p. */
  readonly values: Map<string, string>;
  readonly statics: Map<number, string>;
}

/** Has a node write files for damaging, and kills it when its log's marks are up to date. The caller removes the directory. */
export async function makeDamageSource(seed: number): Promise<DamageSource> {
  const workdir = mkdtempSync(join(tmpdir(), 'tessera-damage-'));
  const random = new SimRandom(seed);
  const node = await startNode({ workdir, shards: SHARDS, args: DAMAGE_ARGS });
  try {
    const client = await SoakClient.open(node.ready.cql.port);
    await client.query(
      "CREATE KEYSPACE damage WITH replication = {'class': 'NetworkTopologyStrategy', 'replication_factor': 1}",
    );
    const columns = 's text static, v text, m map<text, int>, n bigint, PRIMARY KEY (p, c)';
    await client.query(`CREATE TABLE damage.packed (p int, c int, ${columns})`);
    await client.query(
      `CREATE TABLE damage.plain (p int, c int, ${columns}) WITH compression = {'sstable_compression': ''}`,
    );
    const models = new Map<string, Model>(TABLES.map((table) => [table, { values: new Map(), statics: new Map() }]));
    for (const phase of ['first', 'second', 'log'] as const) {
      for (const table of TABLES) {
        for (let i = 0; i < 400; i++) await change(client, table, phase, random, models.get(table)!);
      }
      if (phase === 'log') break;
      const flush = `http://127.0.0.1:${node.ready.api!.port}/storage_service/flush`;
      claim((await fetch(flush, { method: 'POST' })).ok, 'the flush failed');
    }
    const rows = new Map(TABLES.map((table) => [table, expectedRows(models.get(table)!)]));
    for (const table of TABLES) {
      const found = rowsByKey(await client.rows(SELECTS[table]!));
      claim(differences(found, rows.get(table)!) === '', `before any damage: ${differences(found, rows.get(table)!)}`);
    }
    client.close();
    await marked(join(workdir, 'commitlog'));
    return { workdir, rows };
  } finally {
    await node.kill();
  }
}

/** Waits until the mark of every shard's log tells of all that is in it. */
async function marked(directory: string): Promise<void> {
  const files = new NodeFiles();
  for (;;) {
    const marks = readDurableMarks(files, directory);
    const isDone = Array.from({ length: SHARDS }, (_, shard) => {
      const { chains } = examineLog({
        files,
        directory,
        shard,
        shardCount: SHARDS,
        hostId: undefined,
        skipDamaged: true,
      });
      const last = chains.at(-1)?.kept.at(-1);
      const mark = marks.get(shard);
      return last !== undefined && mark?.segmentId === last.file.segmentId && mark.offset === last.end;
    });
    if (!isDone.includes(false)) return;
    await pause(50);
  }
}

/** Writes or deletes a row, and sometimes a static value. */
async function change(
  client: SoakClient,
  table: string,
  phase: 'first' | 'second' | 'log',
  random: SimRandom,
  { values, statics }: Model,
): Promise<void> {
  const p = random.chance(0.3) ? 0 : random.integer(0, PARTITIONS);
  const c = random.integer(phase === 'log' ? 1000 : 0, phase === 'log' ? 100_000 : 1000);
  const key = `${p}/${c}`;
  if (phase === 'second' && random.chance(0.2)) {
    await client.query(`DELETE FROM damage.${table} WHERE p = ${p} AND c = ${c}`);
    values.delete(key);
    return;
  }
  const value = `${key} ${phase} ${'abcdefgh'.repeat(random.integer(0, 40))}`;
  const ttl = random.chance(0.1) ? ' USING TTL 864000' : '';
  await client.query(
    `INSERT INTO damage.${table} (p, c, v, m, n) VALUES (${p}, ${c}, '${value}', {'a': ${c}, 'b': 2}, ${c * 3})${ttl}`,
  );
  values.set(key, value);
  if (!random.chance(0.1)) return;
  await client.query(`UPDATE damage.${table} SET s = '${value}' WHERE p = ${p}`);
  statics.set(p, value);
}

/** Rows of (p, c, v, s) by `p/c`; a partition with nothing but its static row has no c. */
export function rowsByKey(rows: readonly (readonly (Buffer | null)[])[]): Map<string, string> {
  return new Map(rows.map(([p, c, v, s]) => [`${p!.readInt32BE(0)}/${c?.readInt32BE(0)}`, rowText(v, s)]));
}

function expectedRows({ values, statics }: Model): Map<string, string> {
  const rows = new Map<string, string>();
  const withRows = new Set<number>();
  for (const [key, value] of values) {
    const p = Number.parseInt(key, 10);
    withRows.add(p);
    rows.set(key, rowText(value, statics.get(p)));
  }
  for (const [p, value] of statics) if (!withRows.has(p)) rows.set(`${p}/undefined`, rowText(null, value));
  return rows;
}

function rowText(v: Buffer | string | null | undefined, s: Buffer | string | null | undefined): string {
  return `${v ?? null} | ${s ?? null}`;
}

/** '' when equal, else the first difference. */
export function differences(found: ReadonlyMap<string, string>, wanted: ReadonlyMap<string, string>): string {
  for (const [key, value] of found) {
    if (wanted.get(key) !== value) return `row ${key} is ${value}, not ${wanted.get(key)}`;
  }
  for (const key of wanted.keys()) if (!found.has(key)) return `row ${key} is missing`;
  return '';
}
