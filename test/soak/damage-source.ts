import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { SimRandom } from '../sim/sim-random.ts';
import { startNode } from '../support/start-node.ts';
import { SoakClient } from './soak-client.ts';
import { claim } from './suite.ts';

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
  /** For each table, every row as `p/c` to its value. */
  readonly rows: ReadonlyMap<string, ReadonlyMap<string, string>>;
  /** Rows of each table that are in the log alone. */
  readonly inLog: ReadonlyMap<string, ReadonlySet<string>>;
}

export const SELECTS: Readonly<Record<string, string>> = {
  packed: 'SELECT p, c, v FROM damage.packed',
  plain: 'SELECT p, c, v FROM damage.plain',
};

/** Has a node write files for damaging, and kills it. The caller removes the directory. */
export async function makeDamageSource(seed: number): Promise<DamageSource> {
  const workdir = mkdtempSync(join(tmpdir(), 'tessera-damage-'));
  const random = new SimRandom(seed);
  const node = await startNode({ workdir, shards: 2, args: DAMAGE_ARGS });
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
    const rows = new Map<string, Map<string, string>>(TABLES.map((table) => [table, new Map()]));
    const inLog = new Map<string, Set<string>>(TABLES.map((table) => [table, new Set()]));
    for (const phase of ['first', 'second', 'log'] as const) {
      for (const table of TABLES) {
        for (let i = 0; i < 400; i++) await change(client, table, phase, random, rows.get(table)!, inLog.get(table)!);
      }
      if (phase === 'log') break;
      const flush = `http://127.0.0.1:${node.ready.api!.port}/storage_service/flush`;
      claim((await fetch(flush, { method: 'POST' })).ok, 'the flush failed');
    }
    for (const table of TABLES) {
      const found = rowsByKey(await client.rows(SELECTS[table]!));
      claim(differences(found, rows.get(table)!) === '', `before any damage: ${differences(found, rows.get(table)!)}`);
    }
    client.close();
    return { workdir, rows, inLog };
  } finally {
    await node.kill();
  }
}

/** One statement; in the log phase only new rows, so that a log that ends early lacks rows and never shows older ones. */
async function change(
  client: SoakClient,
  table: string,
  phase: 'first' | 'second' | 'log',
  random: SimRandom,
  rows: Map<string, string>,
  inLog: Set<string>,
): Promise<void> {
  const p = random.chance(0.3) ? 0 : random.integer(0, PARTITIONS);
  const c = random.integer(phase === 'log' ? 1000 : 0, phase === 'log' ? 100_000 : 1000);
  const key = `${p}/${c}`;
  if (phase === 'second' && random.chance(0.2)) {
    await client.query(`DELETE FROM damage.${table} WHERE p = ${p} AND c = ${c}`);
    rows.delete(key);
    return;
  }
  const value = `${key} ${phase} ${'abcdefgh'.repeat(random.integer(0, 40))}`;
  const ttl = random.chance(0.1) ? ' USING TTL 864000' : '';
  await client.query(
    `INSERT INTO damage.${table} (p, c, v, m, n) VALUES (${p}, ${c}, '${value}', {'a': ${c}, 'b': 2}, ${c * 3})${ttl}`,
  );
  if (random.chance(0.1)) await client.query(`UPDATE damage.${table} SET s = '${value}' WHERE p = ${p}`);
  rows.set(key, value);
  if (phase === 'log') inLog.add(key);
}

/** Rows of (p, c, v) as a map. */
export function rowsByKey(rows: readonly (readonly (Buffer | null)[])[]): Map<string, string> {
  return new Map(rows.map(([p, c, v]) => [`${p!.readInt32BE(0)}/${c?.readInt32BE(0)}`, String(v)]));
}

/** '' when equal, else the first difference. `mayLack` holds keys that may be missing. */
export function differences(
  found: ReadonlyMap<string, string>,
  wanted: ReadonlyMap<string, string>,
  mayLack: ReadonlySet<string> = new Set(),
): string {
  for (const [key, value] of found) {
    // A partition whose static row is all that is left comes as one row without clustering.
    if (wanted.get(key) !== value && !key.endsWith('undefined'))
      return `row ${key} is ${value}, not ${wanted.get(key)}`;
  }
  for (const key of wanted.keys()) if (!found.has(key) && !mayLack.has(key)) return `row ${key} is missing`;
  return '';
}
