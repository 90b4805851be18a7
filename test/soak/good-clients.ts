import { randomBytes } from 'node:crypto';
import type { RunningNode } from '../support/start-node.ts';
import { SoakClient } from './soak-client.ts';

/**
 * Clients that behave, beside those that do not: each writes its own rows and reads them back. Any error and any wrong value
 * is kept.
 */
export class GoodClients {
  /** What went wrong; must stay undefined. */
  error: Error | undefined;
  operations = 0;
  slowestMs = 0;
  readonly #running: Promise<void>[];
  #isOver = false;

  private constructor(clients: readonly SoakClient[]) {
    this.#running = clients.map((client, i) => this.#run(client, i));
  }

  static async start(node: RunningNode, count: number): Promise<GoodClients> {
    const admin = await SoakClient.open(node.ready.cql.port);
    await admin.query(
      "CREATE KEYSPACE IF NOT EXISTS good WITH replication = {'class': 'NetworkTopologyStrategy', 'replication_factor': 1}",
    );
    await admin.query('CREATE TABLE IF NOT EXISTS good.rows (client int, k int, v text, PRIMARY KEY (client, k))');
    admin.close();
    const clients: SoakClient[] = [];
    for (let i = 0; i < count; i++) clients.push(await SoakClient.open(node.ready.cql.port));
    return new GoodClients(clients);
  }

  /** Stops them. @throws the first error that one of them saw */
  async finish(): Promise<void> {
    this.#isOver = true;
    await Promise.all(this.#running);
    if (this.error !== undefined) throw this.error;
  }

  async #run(client: SoakClient, i: number): Promise<void> {
    try {
      for (let turn = 0; !this.#isOver && this.error === undefined; turn++) {
        const k = turn % 100;
        const value = randomBytes(20).toString('hex');
        const startedMs = performance.now();
        await client.query(`INSERT INTO good.rows (client, k, v) VALUES (${i}, ${k}, '${value}')`);
        const [row] = await client.rows(`SELECT v FROM good.rows WHERE client = ${i} AND k = ${k}`);
        this.slowestMs = Math.max(this.slowestMs, Math.round(performance.now() - startedMs));
        const got = row?.[0]?.toString();
        if (got !== value) throw new Error(`read ${got} after ${value} was written`);
        this.operations += 2;
      }
    } catch (error) {
      this.error ??= new Error(`good client ${i} after ${this.operations} operations: ${(error as Error).message}`);
    } finally {
      client.close();
    }
  }
}
