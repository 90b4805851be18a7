import { describe, expect, test } from 'vitest';
import { Metric } from '../../core/metrics.ts';
import { Opcode } from '../../cql/protocol/envelope.ts';
import { ErrorCode } from '../../cql/protocol/error.ts';
import {
  encodeExecute,
  encodeOptions,
  encodePrepare,
  encodeQuery,
  encodeRegister,
  encodeStartup,
} from '../../cql/protocol/request-encoder.ts';
import { BodyReader } from '../../cql/protocol/value.ts';
import { type CqlClient, errorOf, preparedId, type ResponseFrame, withLength } from '../../test/support/cql-client.ts';
import { ServerWorld, schemaOf, TEST_SCHEMA } from '../../test/support/server-world.ts';
import { AbortCode } from '../request-scope.ts';

const ONE = { consistency: 1 };
const ALL_EVENTS = ['TOPOLOGY_CHANGE', 'STATUS_CHANGE', 'SCHEMA_CHANGE'];

const schemaEvent = ({ version, stream, opcode, body }: ResponseFrame): string => {
  expect([stream, opcode]).toEqual([-1, Opcode.Event]);
  const reader = new BodyReader(body);
  const words = [reader.string(), reader.string(), reader.string(), reader.string()];
  if (words[2] !== 'KEYSPACE') words.push(reader.string());
  return `v${version & 0x7f} ${words.join(' ')}`;
};

test('events: told to those who registered, in their version, after the switch, and to nobody else', async () => {
  const world = await new ServerWorld({ shards: 2 }).listen();
  const registered = [await world.ready(4), await world.ready(3)];
  for (const client of registered) {
    await world.run(client.ask(encodeRegister(client === registered[0] ? 4 : 3, 1, ALL_EVENTS)));
  }
  const deaf = await world.ready();
  const other = await world.ready();
  await world.run(other.ask(encodeRegister(4, 1, ['STATUS_CHANGE'])));
  const next = schemaOf(`${TEST_SCHEMA} CREATE TABLE fresh.t (k int PRIMARY KEY);`);
  // Of the old schema only what is new is kept apart: everything else is the same.
  const keyspaces = new Map(world.shards[0]!.schema.keyspaces);
  keyspaces.delete('other');
  keyspaces.set('fresh', next.keyspaces.get('fresh')!);
  world.switchSchema({ version: next.version, keyspaces });
  await world.pass(10);
  const expected = ['SCHEMA_CHANGE CREATED KEYSPACE fresh', 'SCHEMA_CHANGE CREATED TABLE fresh t'];
  expected.push('SCHEMA_CHANGE DROPPED KEYSPACE other');
  expect(registered[0]!.takeEvents().map(schemaEvent)).toEqual(expected.map((text) => `v4 ${text}`));
  expect(registered[1]!.takeEvents().map(schemaEvent)).toEqual(expected.map((text) => `v3 ${text}`));
  expect([...deaf.frames, ...other.frames]).toEqual([]);
  for (const { server } of world.shards) {
    server.events.statusChanged('DOWN', { address: new Uint8Array([10, 0, 0, 2]), port: 9042 });
    server.events.topologyChanged('NEW_NODE', { address: new Uint8Array(16), port: 9042 });
  }
  await world.pass(10);
  expect(other.takeEvents().length).toBe(1);
  expect(registered[0]!.takeEvents().length).toBe(2);
  registered[0]!.socket.destroy();
  await world.pass(10);
  expect(world.shards.reduce((sum, { server }) => sum + server.events.listenerCount, 0)).toBe(2);
});

/** One step of a driver's connect: the request and what must come of it. */
type Step = readonly [frame: (stream: number) => Uint8Array, opcode: number, errorCode?: number];
const query = (text: string): Step => [(stream) => encodeQuery(4, stream, text, ONE), Opcode.Result];
const invalid = (text: string): Step => [
  (stream) => encodeQuery(4, stream, text, ONE),
  Opcode.Error,
  ErrorCode.Invalid,
];
const startup = (options: Readonly<Record<string, string>>): Step => [
  (stream) => encodeStartup(4, stream, options),
  Opcode.Ready,
];
const options: Step = [(stream) => encodeOptions(4, stream), Opcode.Supported];
const register: Step = [(stream) => encodeRegister(4, stream, ALL_EVENTS), Opcode.Ready];
const SCHEMA_TABLES = 'keyspaces tables columns types functions aggregates triggers indexes views'.split(' ');
const LOCAL = query("SELECT * FROM system.local WHERE key='local'");

/** Recorded sequences (spec cql-protocol §12): the versions tried first, then the requests of the control connection. */
const DRIVERS: readonly (readonly [name: string, refused: readonly number[], steps: readonly Step[]])[] = [
  [
    'Node',
    [0x42],
    [
      startup({ CQL_VERSION: '3.0.0', DRIVER_NAME: 'Node', DRIVER_VERSION: '4.10.0', CLIENT_ID: 'x' }),
      options,
      LOCAL,
      query('SELECT * FROM system.peers'),
      query('SELECT * FROM system_schema.keyspaces'),
      register,
      query('USE "ks"'),
      query('SELECT schema_version FROM system.local'),
      query("SELECT * FROM system_schema.tables WHERE keyspace_name='ks' AND table_name='t'"),
    ],
  ],
  [
    'Python',
    [0x42, 0x41, 5],
    [
      options,
      startup({ DRIVER_NAME: 'Python', DRIVER_VERSION: '3.25', CQL_VERSION: '3.3.1', COMPRESSION: 'lz4' }),
      register,
      invalid('SELECT * FROM system.peers_v2'),
      LOCAL,
      query('SELECT * FROM system.peers'),
      ...SCHEMA_TABLES.map((table) => query(`SELECT * FROM system_schema.${table}`)),
      query('SELECT peer, host_id, rpc_address, schema_version FROM system.peers'),
    ],
  ],
  [
    'gocql',
    [],
    [
      options,
      startup({ CQL_VERSION: '3.0.0' }),
      LOCAL,
      register,
      query('SELECT * FROM system.peers'),
      query('USE "ks"'),
      [
        (stream) =>
          encodePrepare(4, stream, 'SELECT durable_writes FROM system_schema.keyspaces WHERE keyspace_name = ?'),
        Opcode.Result,
      ],
    ],
  ],
  [
    'Rust',
    [],
    [
      options,
      startup({ CQL_VERSION: '4.0.0', DRIVER_NAME: 'scylla', SCYLLA_LWT_ADD_METADATA_MARK: '' }),
      register,
      [
        (stream) =>
          encodePrepare(
            4,
            stream,
            "select host_id, rpc_address from system.local WHERE key='local' USING TIMEOUT 2000ms",
          ),
        Opcode.Result,
      ],
    ],
  ],
];
describe.each(['pipelined', 'one by one'])('drivers connect, %s', (how) => {
  test.each(DRIVERS)('%s', async (_name, refused, steps) => {
    const world = await new ServerWorld({ shards: 2 }).listen();
    for (const version of refused) {
      const client = await world.connect();
      const frame = encodeOptions(version, 0);
      const answer = await world.run(client.ask(frame));
      expect([answer.version, errorOf(answer).code]).toEqual([0x84, ErrorCode.Protocol]);
      expect(await world.run(client.closed)).toBeUndefined();
    }
    const client = await world.connect();
    const answers: Promise<ResponseFrame>[] = [];
    for (const [i, [frame]] of steps.entries()) {
      answers.push(client.ask(frame(i)));
      if (how !== 'pipelined') await world.run(answers.at(-1)!);
    }
    for (const [i, [, opcode, code]] of steps.entries()) {
      const answer = await world.run(answers[i]!);
      if (answer.opcode === Opcode.Error && code === undefined) throw new Error(errorOf(answer).message);
      expect(answer.opcode).toBe(opcode);
      if (code !== undefined) expect(errorOf(answer).code).toBe(code);
    }
  });
});

test('a chunk whose frames take long goes on in later turns, in order, and lets others in between', async () => {
  let nowMs = 0;
  const clock = { monotonicMs: () => nowMs, nowUs: () => 0 };
  const world = await new ServerWorld({ network: { cutRate: 0 }, server: { clock } }).listen();
  const { executor } = world.shards[0]!;
  const client = await world.ready();
  const other = await world.ready();
  const order: string[] = [];
  let turn = 0;
  let mostPerTurn = 0;
  let inTurn = 0;
  world.time.onAfterEvent(() => {
    turn++;
    inTurn = 0;
    return false;
  });
  const { script } = executor;
  executor.script = (call) => {
    nowMs += 1; // each takes a millisecond
    inTurn++;
    mostPerTurn = Math.max(mostPerTurn, inTurn);
    order.push(call.options.text);
    script(call);
  };
  const texts = Array.from({ length: 200 }, (_, i) => `SELECT v FROM ks.t WHERE k = ${i}`);
  const answers = texts.map((text, i) => client.expect(i).then(() => text));
  client.send(Buffer.concat(texts.map((text, i) => encodeQuery(4, i, text, ONE))));
  client.send(encodeQuery(4, 200, 'SELECT * FROM ks.t', ONE));
  other.send(encodeQuery(4, 1, 'SELECT k FROM ks.t', ONE));
  await world.run(Promise.all(answers));
  await world.pass(5);
  expect(order.filter((text) => text.includes('WHERE'))).toEqual(texts);
  expect(order.indexOf('SELECT * FROM ks.t')).toBe(order.length - 1);
  expect(order.indexOf('SELECT k FROM ks.t')).toBeLessThan(100);
  expect(mostPerTurn).toBeLessThanOrEqual(16);
  expect(turn).toBeGreaterThan(10);
});

test('a large frame that stops coming ends its connection; one that keeps coming does not', async () => {
  const limits = { progressMs: 1000, progressBytes: 10_000 };
  const world = await new ServerWorld({ limits }).listen();
  const { metrics } = world.shards[0]!;
  const text = `SELECT v FROM ks.t WHERE k = ${' '.repeat(200_000)}1`;
  const frame = encodeQuery(4, 1, text, ONE);
  const stuck = await world.ready();
  const slow = await world.ready();
  stuck.send(frame.subarray(0, 20_000));
  const answer = slow.expect(1);
  for (let at = 0; at < frame.length; at += 4000) {
    slow.send(frame.subarray(at, at + 4000));
    await world.pass(100);
  }
  expect((await world.run(answer)).opcode).toBe(Opcode.Result);
  expect([stuck.isClosed, slow.isClosed]).toEqual([true, false]);
  expect(metrics.value(Metric.CqlRequestBytes)).toBe(0);
  expect(metrics.value(Metric.CqlConnectionsCut)).toBe(1);
});

test('headers that claim much reserve no more than their share, and do not stop small requests', async () => {
  const world = await new ServerWorld({ limits: { requestBytes: 8 << 20 } }).listen();
  const { metrics } = world.shards[0]!;
  const claims: CqlClient[] = [];
  const header = withLength(encodeQuery(4, 1, 'x', ONE), 1_000_000);
  for (let i = 0; i < 40; i++) {
    const client = await world.ready();
    client.send(header);
    claims.push(client);
  }
  await world.pass(5);
  expect(metrics.value(Metric.CqlRequestBytes)).toBeLessThanOrEqual(4 << 20);
  expect(claims.filter((client) => client.frames.length === 1).length).toBeGreaterThan(30);
  const good = await world.ready();
  expect((await world.run(good.ask(encodeQuery(4, 1, 'SELECT * FROM ks.t', ONE)))).opcode).toBe(Opcode.Result);
  for (const client of claims) client.socket.destroy();
  await world.pass(5);
  expect(metrics.value(Metric.CqlRequestBytes)).toBe(0);
});

test('connections that break anywhere leave nothing behind', async () => {
  const world = await new ServerWorld({ seed: 3, shards: 2, network: { resetRate: 0.02 } }).listen();
  let broken = 0;
  for (let round = 0; round < 60; round++) {
    try {
      const client = await world.ready();
      const id = preparedId(await world.run(client.ask(encodePrepare(4, 1, 'SELECT * FROM ks.t'))));
      for (let i = 0; i < 30; i++) await world.run(client.ask(encodeExecute(4, i, id, ONE)));
      client.socket.destroy();
    } catch (error) {
      expect(String(error)).toMatch(/closed|ECONNRESET/);
      broken++;
    }
  }
  expect(broken).toBeGreaterThan(10);
  await world.pass(20_000);
  for (const { server, metrics } of world.shards) {
    expect([server.requestsInFlight, server.clients().length]).toEqual([0, 0]);
    expect(metrics.value(Metric.CqlRequestBytes)).toBe(0);
  }
});

test('a request learns that its client has gone, while it is under way', async () => {
  const world = await new ServerWorld().listen();
  const client = await world.ready();
  const { executor, server } = world.shards[0]!;
  executor.hold();
  const answer = client.ask(encodeQuery(4, 1, 'SELECT * FROM ks.t', ONE));
  await world.pass(10);
  const { options } = executor.held[0]!;
  expect(options.abortCode).toBe(AbortCode.None);
  client.socket.destroy();
  await expect(world.run(answer)).rejects.toThrow();
  await world.pass(10);
  expect(options.abortCode).toBe(AbortCode.ClientGone);
  executor.release();
  expect([options.abortCode, server.requestsInFlight]).toEqual([AbortCode.None, 0]); // the record is another's now
});
