import { expect, test } from 'vitest';
import { bigint, int, intOf, text, textOf } from './cql-session.ts';
import { SimCluster } from './sim-cluster.ts';
import type { SimNode } from './sim-node.ts';

const PARTITIONS = 20;
const INSERT = 'INSERT INTO ks.t (k, c, v) VALUES (?, ?, ?)';
const SELECT = 'SELECT c, v FROM ks.t WHERE k = ?';

/** What a client does with one node and what it reads in the end. */
async function visit(cluster: SimCluster, node: SimNode): Promise<string[]> {
  await node.start();
  let session = await cluster.connect(node);
  await session.query("CREATE KEYSPACE ks WITH replication = {'class': 'NetworkTopologyStrategy'}");
  await session.query('CREATE TABLE ks.t (k int, c int, v text, PRIMARY KEY (k, c))');
  for (let k = 0; k < PARTITIONS; k++) {
    await session.execute({ text: INSERT, values: [int(k), int(1), text(`${node.options.name}, row ${k}`)] });
  }
  await node.flush();
  await session.batch(
    0,
    [2, 3].map((c) => ({ text: INSERT, values: [int(7), int(c), text(`batch ${c}`)] })),
  );
  const cas = { text: 'UPDATE ks.t SET v = ? WHERE k = ? AND c = ? IF v = ?' };
  const applied = await session.execute({ ...cas, values: [text('set'), int(7), int(3), text('batch 3')] });
  const refused = await session.execute({ ...cas, values: [text('never'), int(7), int(3), text('batch 3')] });
  const isApplied = [applied, refused].map(({ rows }) => rows[0]!.get('[applied]')![0]);
  expect(isApplied).toEqual([1, 0]);
  const timed = 'INSERT INTO ks.t (k, c, v) VALUES (?, ?, ?) USING TIMESTAMP ?';
  await session.execute({ text: timed, values: [int(8), int(1), text('late'), bigint(1)] });

  node.crash(true);
  await expect(cluster.connect(node)).rejects.toThrow('ECONNREFUSED');
  await node.start();
  expect(node.replayed).toBeGreaterThan(0);
  session = await cluster.connect(node);
  const rows: string[] = [];
  for (let k = 0; k < PARTITIONS; k++) {
    for (const row of (await session.execute({ text: SELECT, values: [int(k)] })).rows) {
      rows.push(`${k} ${intOf(row.get('c'))} ${textOf(row.get('v'))}`);
    }
  }
  const scanned = await session.all({ text: 'SELECT k, c, v FROM ks.t', values: [] }, 4);
  expect(scanned.length).toBe(rows.length);
  await node.stop();
  return rows;
}

async function history(seed: number): Promise<{ readonly hash: number; readonly events: number; rows: string[][] }> {
  const cluster = new SimCluster(seed, { nodes: 2 });
  const rows = await cluster.run(Promise.all(cluster.nodes.map((node) => visit(cluster, node))));
  return { hash: cluster.traceHash, events: cluster.trace.count, rows };
}

test('two nodes in one thread keep what they acknowledged; one seed is one history', async () => {
  const first = await history(1);
  expect(first.rows).toEqual(
    [1, 2].map((node) =>
      Array.from({ length: PARTITIONS }, (_, k) => {
        const row = `${k} 1 node ${node}, row ${k}`;
        return k === 7 ? [row, '7 2 batch 2', '7 3 set'] : [row];
      }).flat(),
    ),
  );
  expect(first.events).toBeGreaterThan(1000);
  const again = await history(1);
  expect({ hash: again.hash, events: again.events }).toEqual({ hash: first.hash, events: first.events });
  expect(again.rows).toEqual(first.rows);
  const other = await history(2);
  expect(other.rows).toEqual(first.rows);
  expect(other.hash).not.toBe(first.hash);
});
