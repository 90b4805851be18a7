import type { RunningNode } from '../support/start-node.ts';
import { SoakClient } from './soak-client.ts';

const KEYSPACE = 'crash';
const WRITERS = 8;
const PARTITIONS = 64;
const ROWS = 4;
const SCHEMA = [
  `CREATE KEYSPACE IF NOT EXISTS ${KEYSPACE} WITH replication = {'class': 'NetworkTopologyStrategy', 'replication_factor': 1}`,
  `CREATE TABLE IF NOT EXISTS ${KEYSPACE}.rows (p int, c int, version bigint, filler text, PRIMARY KEY (p, c))`,
];

/** What was asked of one row: the last version that was acknowledged, and those sent since, whose fate is open. */
interface RowRecord {
  acknowledged: number;
  open: number[];
}

/**
 * Knows what a node must still have after it died. Writers send versions that only go up, one at a time per partition; every write
 * is one batch over the partition's rows, which must be seen whole. After a restart each row holds its last acknowledged version
 * or one that was open when the node died, and all rows of a partition the same.
 */
export class CrashOracle {
  readonly #records: RowRecord[] = Array.from({ length: PARTITIONS }, () => ({ acknowledged: 0, open: [] }));
  #version = 0;
  acknowledgedWrites = 0;
  readonly #filler: string;

  /** @param fillerBytes in each row beside its version */
  constructor(fillerBytes = 200) {
    this.#filler = 'x'.repeat(fillerBytes);
  }

  async createSchema(node: RunningNode): Promise<void> {
    const client = await SoakClient.open(node.ready.cql.port);
    for (const statement of SCHEMA) await client.query(statement);
    client.close();
  }

  /** Writes from several connections until the node dies or `isOver` says so. */
  async write(node: RunningNode, isOver: () => boolean): Promise<void> {
    await Promise.all(Array.from({ length: WRITERS }, (_, writer) => this.#writer(node, writer, isOver)));
  }

  /** Reads everything back. Throws with the first row that is not as it must be. */
  async verify(node: RunningNode): Promise<void> {
    const client = await SoakClient.open(node.ready.cql.port);
    try {
      for (let p = 0; p < PARTITIONS; p++) {
        const record = this.#records[p]!;
        const rows = await client.rows(`SELECT version FROM ${KEYSPACE}.rows WHERE p = ${p}`);
        const versions = new Set(rows.map(([version]) => Number(version!.readBigInt64BE(0))));
        const [version = 0] = versions;
        if (versions.size > 1) throw new Error(`partition ${p} is torn: versions ${[...versions].join(', ')}`);
        if (rows.length !== 0 && rows.length !== ROWS)
          throw new Error(`partition ${p} has ${rows.length} of ${ROWS} rows`);
        if (version !== record.acknowledged && !record.open.includes(version)) {
          throw new Error(
            `partition ${p} holds version ${version}; acknowledged was ${record.acknowledged}, open ${record.open.join(', ')}`,
          );
        }
        record.acknowledged = version;
        record.open = [];
      }
    } finally {
      client.close();
    }
  }

  async #writer(node: RunningNode, writer: number, isOver: () => boolean): Promise<void> {
    let client: SoakClient;
    try {
      client = await SoakClient.open(node.ready.cql.port);
    } catch {
      return; // the node died first
    }
    const filler = this.#filler;
    for (let turn = 0; !isOver(); turn++) {
      const p = ((turn * WRITERS) % PARTITIONS) + writer;
      const record = this.#records[p]!;
      const version = ++this.#version;
      record.open.push(version);
      const inserts = Array.from(
        { length: ROWS },
        (_, c) => `INSERT INTO ${KEYSPACE}.rows (p, c, version, filler) VALUES (${p}, ${c}, ${version}, '${filler}');`,
      );
      try {
        await client.query(`BEGIN UNLOGGED BATCH ${inserts.join(' ')} APPLY BATCH`);
      } catch {
        if (node.process.exitCode !== null || node.process.signalCode !== null || node.process.killed) break;
        throw new Error(`write ${version} failed while the node lived: ${client.lastError}`);
      }
      record.acknowledged = version;
      record.open = record.open.filter((each) => each > version);
      this.acknowledgedWrites++;
    }
    client.close();
  }
}
