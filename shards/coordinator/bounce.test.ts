import { expect, test } from 'vitest';
import type { Log } from '../../core/ports/log.ts';
import type { Mailbox } from '../../core/ports/mailbox.ts';
import type { RowSource } from '../../core/read/row-source.ts';
import { TimestampSource } from '../../core/timestamps.ts';
import { parseStatement } from '../../cql/language/parser.ts';
import { planStatement } from '../../cql/plan/plan-statement.ts';
import { Consistency } from '../../cql/protocol/consistency.ts';
import { SimClock, SimTime } from '../../test/sim/sim-clock.ts';
import { SimRandom } from '../../test/sim/sim-random.ts';
import { SimTasks } from '../../test/sim/sim-tasks.ts';
import { makeSchema } from '../../test/support/make-table.ts';
import { MemorySource } from '../../test/support/memory-source.ts';
import { boundValues, type GivenValue } from '../../test/support/statement-values.ts';
import { createMetricsMemory, MetricsBlock } from '../metrics-block.ts';
import { AbortCode } from '../request-scope.ts';
import type { Completion, RequestOptions } from '../server/request-executor.ts';
import { Coordinator } from './coordinator.ts';
import type { LocalStore } from './local-store.ts';

const SCHEMA = makeSchema(`
  CREATE TABLE ks.single (k int PRIMARY KEY, v int);
  CREATE TABLE ks.wide (k int, a int, b int, s int static, v int, PRIMARY KEY (k, a, b));`);
const SELF = 0;
const READ_MS = 5000;
const NO_LOG: Log = { write: () => {} };

const OPTIONS: RequestOptions = {
  consistency: Consistency.One,
  serialConsistency: Consistency.Serial,
  pageSize: 0,
  pagingState: undefined,
  hasTimestamp: false,
  timestampHi: 0,
  timestampLo: 0,
  keyspace: 'ks',
  text: '',
  isPrepared: true,
  isBounced: false,
  abortCode: AbortCode.None,
};

const int = (n: number): Uint8Array => Uint8Array.of(0, 0, 0, n);
const ONE = int(1);

/** What becomes of a SELECT on shard 0, if `owner` has every tablet. */
function run(
  text: string,
  values: readonly GivenValue[],
  owner: number,
  options: Partial<RequestOptions> = {},
): string {
  const time = new SimTime();
  const random = new SimRandom(1);
  const clock = new SimClock(time);
  let what = 'nothing';
  const mailbox = {
    self: SELF,
    serve: () => {},
    call: (to: number) => {
      what = `page of ${to}`;
    },
  } satisfies Mailbox;
  const table = (id: string) =>
    [...SCHEMA.keyspaces.get('ks')!.tables.values()].find((descriptor) => descriptor.id === id);
  const store: LocalStore = {
    write: () => {},
    source: (id): RowSource | undefined => {
      const descriptor = table(id);
      return descriptor && new MemorySource(descriptor);
    },
    truncate: () => Promise.resolve(),
  };
  const route = { tabletCount: 4, shardOf: () => owner };
  const routing = {
    schema: SCHEMA,
    nodes: { localDataCenter: 'dc', perDataCenter: new Map([['dc', 1]]) },
    table,
    route: () => route,
    replication: () => undefined,
  };
  const timeouts = { readMs: READ_MS, rangeMs: 1, writeMs: 1, casContentionMs: 1, truncateMs: 1, schemaMs: 1 };
  const coordinator = new Coordinator({
    self: SELF,
    shardCount: 2,
    mailbox,
    store,
    clock,
    tasks: new SimTasks(time, random.fork()),
    random,
    timestamps: new TimestampSource(clock),
    log: NO_LOG,
    metrics: new MetricsBlock(createMetricsMemory()),
    routing: () => routing,
    timeouts: () => timeouts,
    systemSource: () => undefined,
  });
  const completion: Completion = {
    done: () => {},
    rows: (_columns, count) => {
      what = `${count} rows`;
    },
    schemaChanged: () => {},
    keyspaceSet: () => {},
    failed: (error) => {
      throw error;
    },
    bounce: (to, deadlineMs) => {
      what = `bounced to ${to} for ${deadlineMs! - clock.monotonicMs()} ms`;
    },
  };
  const plan = planStatement(parseStatement(text), SCHEMA, 'ks');
  coordinator.execute(plan, boundValues(values), { ...OPTIONS, ...options }, completion);
  return what;
}

const BOUNCED = `bounced to 1 for ${READ_MS} ms`;

test.each<[text: string, values: readonly GivenValue[], what: string]>([
  ['SELECT * FROM single WHERE k = ?', [ONE], BOUNCED],
  ['SELECT v FROM single WHERE k = ? USING TIMEOUT 30ms', [ONE], 'bounced to 1 for 30 ms'],
  ['SELECT count(*) FROM single WHERE k = ?', [ONE], BOUNCED],
  ['SELECT * FROM single WHERE k IN ?', [Uint8Array.of(0, 0, 0, 1, 0, 0, 0, 4, 0, 0, 0, 1)], BOUNCED],
  ['SELECT * FROM wide WHERE k = ? AND a = ? AND b = ?', [ONE, ONE, ONE], BOUNCED],
  ['SELECT * FROM wide WHERE k = ? AND a = ?', [ONE, ONE], 'page of 1'],
  ['SELECT * FROM wide WHERE k = ? AND a = ? AND b IN (1, 2)', [ONE, ONE], 'page of 1'],
  ['SELECT * FROM wide WHERE k = ? AND a = ? AND b >= ? AND b <= ?', [ONE, ONE, ONE, int(2)], 'page of 1'],
  ['SELECT * FROM wide WHERE k = ? LIMIT 1', [ONE], 'page of 1'],
  ['SELECT DISTINCT k, s FROM wide WHERE k = ?', [ONE], 'page of 1'],
])('a row of another shard is read there: %s', (text, values, what) => {
  expect(run(text, values, 1)).toBe(what);
});

test.each<[name: string, owner: number, options: Partial<RequestOptions>, what: string]>([
  ['its own row', SELF, {}, '0 rows'],
  ['a statement that the other shard would have to plan', 1, { isPrepared: false }, 'page of 1'],
  ['a request that came from another shard', 1, { isBounced: true }, 'page of 1'],
])('a shard does not pass on %s', (_name, owner, options, what) => {
  expect(run('SELECT * FROM single WHERE k = ?', [ONE], owner, options)).toBe(what);
});
