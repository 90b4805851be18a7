import { describe, expect, test } from 'vitest';
import { CorruptFileError, ReadTimeoutError } from '../../core/errors.ts';
import { Metric } from '../../core/metrics.ts';
import { MutationList } from '../../core/mutation/mutation-list.ts';
import type { RowBatch } from '../../core/read/row-batch.ts';
import { NEEDS_LOAD, type RowCursor } from '../../core/read/row-cursor.ts';
import type { RowSource } from '../../core/read/row-source.ts';
import type { Schema } from '../../core/schema/keyspace.ts';
import type { TableDescriptor } from '../../core/schema/table.ts';
import { TimestampSource } from '../../core/timestamps.ts';
import { parseStatement } from '../../cql/language/parser.ts';
import { PlanKind } from '../../cql/plan/plan.ts';
import { planStatement } from '../../cql/plan/plan-statement.ts';
import { encodeQuery } from '../../cql/protocol/request-encoder.ts';
import { type CqlClient, errorOf, resultKind } from '../../test/support/cql-client.ts';
import { MemorySource } from '../../test/support/memory-source.ts';
import { ServerWorld } from '../../test/support/server-world.ts';
import { FixedContext, parseValues } from '../../test/support/statement-values.ts';
import { Coordinator } from './coordinator.ts';

const ROWS = 2000;
const VALUE = 'x'.repeat(1500);
const PATH = '/node/data/ks/t-1/me-1-big-Index.db';
const TIMEOUTS = {
  readMs: 5000,
  rangeMs: 5000,
  writeMs: 5000,
  casContentionMs: 5000,
  truncateMs: 5000,
  schemaMs: 5000,
};
const NODES = { localDataCenter: 'datacenter1', perDataCenter: new Map([['datacenter1', 1]]) };
const REPLICATION = { class: 'SimpleStrategy', replication_factor: '1' };

/** How cursors of the world behave, and what they have seen. */
interface Behaviour {
  /** Called when a block is there. */
  onLoad: () => void;
  /** Until a block is there. */
  pause: () => Promise<void>;
  loads: number;
  opened: number;
  closed: number;
}

/** A cursor that loads a block before every batch. */
class LoadingCursor implements RowCursor {
  readonly #cursor: RowCursor;
  readonly #behaviour: Behaviour;
  #isLoaded = false;
  #isClosed = false;

  constructor(cursor: RowCursor, behaviour: Behaviour) {
    this.#cursor = cursor;
    this.#behaviour = behaviour;
    behaviour.opened++;
  }

  fill(batch: RowBatch): number {
    if (!this.#isLoaded) return NEEDS_LOAD;
    this.#isLoaded = false;
    return this.#cursor.fill(batch);
  }

  async load(): Promise<void> {
    await this.#behaviour.pause();
    this.#behaviour.loads++;
    this.#behaviour.onLoad();
    this.#isLoaded = true;
  }

  skipPartition(): void {
    this.#cursor.skipPartition();
  }

  close(): void {
    if (!this.#isClosed) this.#behaviour.closed++;
    this.#isClosed = true;
    this.#cursor.close();
  }
}

/** Every partition of `ks.wide`: more than a page between shards holds. */
function makeRows(schema: Schema, table: TableDescriptor): MemorySource {
  const rows = new MemorySource(table);
  const insert = planStatement(parseStatement('INSERT INTO wide (k, c, v) VALUES (?, ?, ?)'), schema, 'ks');
  if (insert.kind !== PlanKind.Modify) throw new Error('no INSERT');
  const list = new MutationList();
  for (let c = 0; c < ROWS; c++) {
    list.clear();
    insert.bind(parseValues(`${c % 2} | ${c} | ${VALUE}`, insert.markers), new FixedContext(), list);
    rows.apply(list.bytes.slice(list.starts[0], list.ends[0]));
  }
  return rows;
}

let madeRows: MemorySource | undefined;

/** Two shards, each of which reads its half of `ks.wide` from blocks that must be loaded. */
async function makeWorld() {
  const world = await new ServerWorld({ shards: 2 }).listen();
  const { schema } = world.shards[0]!;
  const table = schema.keyspaces.get('ks')!.tables.get('wide')!;
  madeRows ??= makeRows(schema, table); // nothing changes them
  const rows = madeRows;
  const pause = () => new Promise<void>((done) => world.clientTasks.post(0.5, done));
  const behaviour: Behaviour = { onLoad: () => {}, pause, loads: 0, opened: 0, closed: 0 };
  const source: RowSource = {
    openPartition: (...given) => {
      const cursor = rows.openPartition(...given);
      return cursor && new LoadingCursor(cursor, behaviour);
    },
    openScan: (...given) => new LoadingCursor(rows.openScan(...given), behaviour),
  };
  const log: string[][] = [[], []];
  for (const [self, { mailbox, clock, tasks, metrics, executor }] of world.shards.entries()) {
    const coordinator = new Coordinator({
      self,
      shardCount: 2,
      mailbox,
      store: { write: () => {}, source: () => source, truncate: () => Promise.resolve() },
      clock,
      tasks,
      random: world.random.fork(),
      timestamps: new TimestampSource(clock),
      log: { write: (level, module, message) => log[self]!.push(`${level} ${module}: ${message}`) },
      metrics,
      routing: () => ({
        schema,
        nodes: NODES,
        table: () => table,
        route: () => ({ tabletCount: 2, shardOf: (tablet) => tablet }),
        replication: () => REPLICATION,
      }),
      timeouts: () => TIMEOUTS,
      systemSource: () => undefined,
    });
    executor.execute = (...given) => coordinator.execute(...given);
  }
  return { world, behaviour, log };
}

const QUERIES: [string, string][] = [
  ['a partition of this or the other shard', 'SELECT count(*) FROM ks.wide WHERE k = 0'],
  ['a partition of the other or this shard', 'SELECT count(*) FROM ks.wide WHERE k = 1'],
  ['both', 'SELECT count(*) FROM ks.wide WHERE k IN (0, 1)'],
  ['a scan', 'SELECT count(*) FROM ks.wide'],
];
const query = (text: string) => encodeQuery(4, 1, text, { consistency: 1 });

describe('a client that goes ends its reads at their next block or page', () => {
  test.each(QUERIES)('%s', async (_, text) => {
    const { world, behaviour } = await makeWorld();
    const client = await world.ready();
    expect(resultKind(await world.run(client.ask(query(text))))).toBe(2);
    const all = behaviour.loads;
    behaviour.loads = 0;
    behaviour.onLoad = () => {
      if (behaviour.loads === 2) client.socket.destroy();
    };
    const answer = client.ask(query(text));
    await expect(world.run(answer)).rejects.toThrow();
    await world.pass(6000);
    expect(behaviour.loads).toBeLessThan(all);
    expect(behaviour.closed).toBe(behaviour.opened);
    for (const { server, metrics } of world.shards) {
      expect([server.requestsInFlight, metrics.value(Metric.CqlRequestBytes)]).toEqual([0, 0]);
    }
    expect(world.errors).toEqual([]);
    // Those of others go on.
    const other: CqlClient = await world.ready();
    expect(resultKind(await world.run(other.ask(query(text))))).toBe(2);
  });
});

describe('damage that a read meets is told to the log of its shard, once a minute for each file', () => {
  test.each(QUERIES)('%s', async (_, text) => {
    const { world, behaviour, log } = await makeWorld();
    const client = await world.ready();
    const fails = (): number =>
      world.shards.reduce((sum, { metrics }) => sum + metrics.value(Metric.SstableReadFailures), 0);
    let path = PATH;
    behaviour.onLoad = () => {
      throw new CorruptFileError(path, 77, 'a checksum does not match');
    };
    const ask = async () => errorOf(await world.run(client.ask(query(text)))).message;
    for (let i = 1; i <= 3; i++) {
      expect(await ask()).toBe(`${PATH} at byte 77: a checksum does not match`);
      expect(fails()).toBe(i);
    }
    const line =
      `4 sstable: a read failed: ${PATH} at byte 77: a checksum does not match; ` +
      '`tessera sstable validate /node/data/ks/t-1/me-1-big-Data.db` shows what is wrong with it';
    expect(log.flat()).toEqual([line]);
    path = PATH.replace('me-1', 'me-2');
    await ask();
    expect(log.flat()).toHaveLength(2);
    path = PATH;
    await ask();
    expect(log.flat()).toHaveLength(2);
    await world.pass(60_000);
    await ask();
    expect(log.flat()).toEqual([line, line.replaceAll('me-1', 'me-2'), line]);
    expect(fails()).toBe(6);
    expect(behaviour.closed).toBe(behaviour.opened);
  });

  test('errors of other kinds are not', async () => {
    const { world, behaviour, log } = await makeWorld();
    const client = await world.ready();
    behaviour.onLoad = () => {
      throw new ReadTimeoutError('too slow');
    };
    expect(errorOf(await world.run(client.ask(query(QUERIES[3]![1])))).message).toBe('too slow');
    expect(log.flat()).toEqual([]);
  });
});
