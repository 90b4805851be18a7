import { expect, test } from 'vitest';
import { AssertionError } from '../../core/assert.ts';
import { ByteWriter } from '../../core/bytes.ts';
import { InvalidRequestError, TesseraError } from '../../core/errors.ts';
import { Metric } from '../../core/metrics.ts';
import { PlanKind } from '../../cql/plan/plan.ts';
import { EnvelopeFlag, Opcode } from '../../cql/protocol/envelope.ts';
import { ErrorCode } from '../../cql/protocol/error.ts';
import { MetadataFlag } from '../../cql/protocol/metadata.ts';
import {
  encodeBatch,
  encodeExecute,
  encodeOptions,
  encodePrepare,
  encodeQuery,
  type RequestOptions,
} from '../../cql/protocol/request-encoder.ts';
import { ResultKind } from '../../cql/protocol/response.ts';
import { BodyReader } from '../../cql/protocol/value.ts';
import { type CqlClient, errorOf, preparedId, type ResponseFrame, resultKind } from '../../test/support/cql-client.ts';
import { answerEmpty } from '../../test/support/scripted-executor.ts';
import { type ServerShard, ServerWorld } from '../../test/support/server-world.ts';
import { AbortCode } from '../request-scope.ts';

const ONE: RequestOptions = { consistency: 1 };
const INT_1 = Buffer.from('00000001', 'hex');
const INT_2 = Buffer.from('00000002', 'hex');
const TEXT = Buffer.from('text');
const INSERT = 'INSERT INTO ks.t (k, v) VALUES (?, ?)';

async function open(
  options: ConstructorParameters<typeof ServerWorld>[0] = {},
  version = 4,
  startup: Readonly<Record<string, string>> = {},
): Promise<{
  world: ServerWorld;
  client: CqlClient;
  shard: ServerShard;
  ask: (frame: Uint8Array) => Promise<ResponseFrame>;
}> {
  const world = await new ServerWorld(options).listen();
  const client = await world.ready(version, startup);
  return { world, client, shard: world.shards[0]!, ask: (frame) => world.run(client.ask(frame)) };
}

test('QUERY and EXECUTE hand over plan, values and options as they were sent', async () => {
  const { shard, ask } = await open();
  const options: RequestOptions = {
    consistency: 6,
    serialConsistency: 9,
    values: [INT_1, null],
    pageSize: 77,
    pagingState: Buffer.from('state'),
    timestamp: { hi: -1, lo: 5 },
  };
  const id = preparedId(await ask(encodePrepare(4, 1, INSERT)));
  expect(resultKind(await ask(encodeQuery(4, 2, INSERT, options)))).toBe(ResultKind.Void);
  expect(resultKind(await ask(encodeExecute(4, 3, id, { ...options, values: [INT_2, undefined] })))).toBe(
    ResultKind.Void,
  );
  const [query, execute] = shard.executor.calls;
  expect(query!.values).toEqual([[new Uint8Array(INT_1), null]]);
  expect(execute!.values).toEqual([[new Uint8Array(INT_2), undefined]]);
  for (const call of [query!, execute!]) {
    expect(call.plan.kind).toBe(PlanKind.Modify);
    expect(call.options).toEqual({
      consistency: 6,
      serialConsistency: 9,
      pageSize: 77,
      pagingState: new Uint8Array(Buffer.from('state')),
      hasTimestamp: true,
      timestampHi: -1,
      timestampLo: 5,
      keyspace: '',
      text: INSERT,
      isPrepared: call === execute,
      isBounced: false,
      abortCode: AbortCode.None,
    });
  }
  // Nothing of a request is left in the record when the next one uses it.
  await ask(encodeQuery(4, 2, 'SELECT * FROM ks.t', ONE));
  expect(shard.executor.calls[2]!.options).toMatchObject({ pageSize: 0, pagingState: undefined, hasTimestamp: false });
});

test('named values go into the order of the markers', async () => {
  const { shard, ask } = await open();
  const text = 'INSERT INTO ks.t (k, v) VALUES (:key, :value)';
  const named = (values: RequestOptions['values'], names: readonly string[]): Uint8Array =>
    encodeQuery(4, 1, text, { consistency: 1, values: values!, names });
  expect(resultKind(await ask(named([TEXT, INT_1], ['value', 'key'])))).toBe(ResultKind.Void);
  expect(resultKind(await ask(named([TEXT, INT_1, INT_2, null], ['value', 'key', 'other', 'value'])))).toBe(
    ResultKind.Void,
  );
  expect(shard.executor.calls[0]!.values).toEqual([[new Uint8Array(INT_1), new Uint8Array(TEXT)]]);
  expect(shard.executor.calls[1]!.values).toEqual([[new Uint8Array(INT_1), null]]);
  const missing = errorOf(await ask(named([INT_1], ['key'])));
  expect(missing).toEqual({ code: ErrorCode.Invalid, message: 'Missing value for bind variable value' });
});

test('v3: negative lengths are null, warnings are left out, Prepared has no key indexes', async () => {
  const { shard, ask } = await open({}, 3);
  await ask(encodeQuery(3, 1, INSERT, { ...ONE, values: [INT_1, undefined] }));
  expect(shard.executor.calls[0]!.values).toEqual([[new Uint8Array(INT_1), null]]);
  shard.executor.script = ({ completion }) => completion.done(['careful']);
  const answer = await ask(encodeQuery(3, 2, INSERT, { ...ONE, values: [INT_1, TEXT] }));
  expect([answer.flags, resultKind(answer)]).toEqual([0, ResultKind.Void]);
  const body = new BodyReader((await ask(encodePrepare(3, 3, INSERT))).body, 4);
  body.shortBytesCopy();
  expect([body.int(), body.int(), body.string(), body.string(), body.string()]).toEqual([1, 2, 'ks', 't', 'k']);
});

test('warnings lead the answer in v4; the request may carry a custom payload', async () => {
  const { shard, ask } = await open();
  shard.executor.script = ({ completion }) => completion.done(['careful', 'très']);
  const frame = encodeQuery(4, 2, INSERT, { ...ONE, values: [INT_1, TEXT] });
  const payload = Buffer.from('0001000161000000020102', 'hex');
  const whole = Buffer.concat([frame.subarray(0, 9), payload, frame.subarray(9)]);
  whole[1]! |= EnvelopeFlag.CustomPayload | EnvelopeFlag.Tracing;
  whole.writeUInt32BE(whole.length - 9, 5);
  const answer = await ask(whole);
  expect(answer.flags).toBe(EnvelopeFlag.Warning);
  const body = new BodyReader(answer.body);
  expect([body.stringList(), body.int()]).toEqual([['careful', 'très'], ResultKind.Void]);
});

test('PREPARE tells markers, key indexes and result; the same text gives the same id', async () => {
  const { ask } = await open({}, 4, { SCYLLA_LWT_ADD_METADATA_MARK: '' });
  const text = 'SELECT v FROM ks.t WHERE k = ?';
  const first = await ask(encodePrepare(4, 1, text));
  const body = new BodyReader(first.body, 4);
  const id = body.shortBytesCopy();
  expect(id.length).toBe(16);
  expect([body.int(), body.int(), body.int(), body.short()]).toEqual([1, 1, 1, 0]);
  expect([body.string(), body.string(), body.string(), body.short()]).toEqual(['ks', 't', 'k', 9]);
  expect([body.int(), body.int(), body.string(), body.string(), body.string(), body.short()]).toEqual([
    1,
    1,
    'ks',
    't',
    'v',
    13,
  ]);
  expect(Buffer.from((await ask(encodePrepare(4, 2, text))).body).equals(first.body)).toBe(true);
  const conditional = new BodyReader((await ask(encodePrepare(4, 3, `${INSERT} IF NOT EXISTS`))).body, 4);
  conditional.shortBytesCopy();
  expect(conditional.int() < 0).toBe(true);
});

const PREPARABLE: readonly (readonly [text: string, kind: number])[] = [
  ['USE ks', ResultKind.SetKeyspace],
  ['CREATE TABLE ks.n (k int PRIMARY KEY)', ResultKind.SchemaChange],
  ['TRUNCATE ks.t', ResultKind.Void],
  ['BEGIN BATCH APPLY BATCH', ResultKind.Void],
  ['SELECT * FROM system.local', ResultKind.Rows],
];
test.each(PREPARABLE)('every statement can be prepared and executed: %s', async (text, kind) => {
  const { shard, ask } = await open();
  shard.executor.script = (call) => {
    if (call.plan.kind !== PlanKind.Schema) return answerEmpty(call);
    expect(call.options.text).toBe(text);
    const change = { change: 'CREATED', target: 'TABLE', keyspace: 'ks', name: 'n', argumentTypes: [] } as const;
    call.completion.schemaChanged(change, []);
  };
  const id = preparedId(await ask(encodePrepare(4, 1, text)));
  expect(resultKind(await ask(encodeExecute(4, 2, id, ONE)))).toBe(kind);
  expect(resultKind(await ask(encodeQuery(4, 3, text, ONE)))).toBe(kind);
});

test('USE binds the keyspace to its connection, and prepared statements keep theirs', async () => {
  const { world, shard, client, ask } = await open();
  const other = await world.ready();
  const text = 'SELECT * FROM t';
  expect(errorOf(await ask(encodeQuery(4, 1, text, ONE))).code).toBe(ErrorCode.Invalid);
  expect(errorOf(await ask(encodeQuery(4, 1, 'USE nowhere', ONE))).code).toBe(ErrorCode.Invalid);
  await ask(encodeQuery(4, 1, 'USE ks', ONE));
  const inKs = preparedId(await ask(encodePrepare(4, 2, text)));
  const ddl = preparedId(await ask(encodePrepare(4, 2, 'DROP TABLE t')));
  await ask(encodeQuery(4, 1, 'USE "other"', ONE));
  const inOther = preparedId(await ask(encodePrepare(4, 2, text)));
  expect(Buffer.from(inKs).equals(inOther)).toBe(false);
  await ask(encodeExecute(4, 3, inKs, ONE));
  await ask(encodeExecute(4, 3, inOther, ONE));
  await ask(encodeQuery(4, 4, text, ONE));
  const selects = shard.executor.calls.filter(({ plan }) => plan.kind === PlanKind.Select);
  expect(selects.map(({ plan }) => plan.keyspace)).toEqual(['ks', 'other', 'other']);
  // DDL is planned again where it is carried out: by its text and this keyspace.
  await ask(encodeExecute(4, 5, ddl, ONE));
  expect(shard.executor.calls.at(-1)!.options).toMatchObject({ keyspace: 'ks', text: 'DROP TABLE t' });
  expect(errorOf(await world.run(other.ask(encodeQuery(4, 1, text, ONE)))).code).toBe(ErrorCode.Invalid);
  expect(client.isClosed).toBe(false);
});

test('BATCH: texts and ids, each with its values; an unknown id and a SELECT refuse the whole', async () => {
  const { shard, ask } = await open();
  const id = preparedId(await ask(encodePrepare(4, 1, INSERT)));
  const remove = 'DELETE FROM ks.wide WHERE k = ? AND c = ?';
  const statements = [
    { query: id, values: [INT_1, TEXT] },
    { query: remove, values: [INT_1, INT_2] },
    { query: 'UPDATE ks.t SET v = null WHERE k = 1', values: [] },
    { query: id, values: [INT_2, null] },
  ];
  const timed = { ...ONE, timestamp: { hi: 0, lo: 9 } };
  expect(resultKind(await ask(encodeBatch(4, 2, 1, statements, timed)))).toBe(ResultKind.Void);
  const [call] = shard.executor.calls;
  expect(call!.values).toEqual(statements.map(({ values }) => values.map((value) => value && new Uint8Array(value))));
  expect(call!.options).toMatchObject({ hasTimestamp: true, timestampLo: 9, consistency: 1 });
  expect(resultKind(await ask(encodeBatch(4, 2, 0, [], ONE)))).toBe(ResultKind.Void);
  expect(shard.executor.count).toBe(1);

  const unknown = new Uint8Array(16).fill(5);
  const unprepared = await ask(encodeBatch(4, 3, 0, [statements[0]!, { query: unknown, values: [] }], ONE));
  expect(errorOf(unprepared).code).toBe(ErrorCode.Unprepared);
  expect(Buffer.from(unprepared.body.subarray(-16)).equals(unknown)).toBe(true);
  const select = await ask(encodeBatch(4, 3, 0, [{ query: 'SELECT * FROM ks.t', values: [] }], ONE));
  expect(errorOf(select).message).toContain('only UPDATE, INSERT and DELETE statements are allowed');
  expect(shard.executor.count).toBe(1);
});

test('a BATCH text shares its values among its statements, and their number is checked', async () => {
  const { shard, ask } = await open();
  const text = `BEGIN BATCH ${INSERT}; ${INSERT}; APPLY BATCH`;
  const values = [INT_1, TEXT, INT_2, null];
  await ask(encodeQuery(4, 1, text, { ...ONE, values }));
  const shared = values.map((value) => value && new Uint8Array(value));
  expect(shard.executor.calls[0]!.values).toEqual([shared, shared]);
  const wrong = errorOf(await ask(encodeQuery(4, 1, text, { ...ONE, values: [INT_1] })));
  expect(wrong.message).toBe('Invalid amount of bind variables: expected 4 received 1');
});

test('rows: metadata is left out only if asked for, and told again when the client holds another', async () => {
  const { shard, ask } = await open({}, 4, { SCYLLA_USE_METADATA_ID: '' });
  shard.executor.script = ({ plan, completion }) => {
    const rows = new ByteWriter();
    rows.i32BE(4);
    rows.raw(TEXT);
    completion.rows(plan.resultColumns!, 1, rows, Buffer.from('next'), []);
  };
  const prepared = new BodyReader((await ask(encodePrepare(4, 1, 'SELECT v FROM ks.t'))).body, 4);
  const id = prepared.shortBytesCopy();
  const metadataId = prepared.shortBytesCopy();
  const run = async (skipMetadata: boolean, held: Uint8Array): Promise<BodyReader> =>
    new BodyReader((await ask(encodeExecute(4, 2, id, { ...ONE, skipMetadata }, held))).body, 4);

  const alone = await run(true, metadataId);
  expect([alone.int(), alone.int()]).toEqual([MetadataFlag.NoMetadata | MetadataFlag.MorePages, 1]);
  expect(Buffer.from(alone.bytesCopy()!).toString()).toBe('next');
  expect([alone.int(), Buffer.from(alone.bytesCopy()!).toString(), alone.remaining]).toEqual([1, 'text', 0]);

  const whole = await run(false, metadataId);
  expect(whole.int()).toBe(MetadataFlag.GlobalTable | MetadataFlag.MorePages);

  const changed = await run(true, new Uint8Array(16));
  expect(changed.int()).toBe(MetadataFlag.GlobalTable | MetadataFlag.MorePages | MetadataFlag.MetadataChanged);
  expect([changed.int(), Buffer.from(changed.bytesCopy()!).toString()]).toEqual([1, 'next']);
  expect(Buffer.from(changed.shortBytesCopy()).equals(metadataId)).toBe(true);
  expect([changed.string(), changed.string(), changed.string()]).toEqual(['ks', 't', 'v']);
});

test('errors: of language, of schema, of the executor, and bugs, which are logged and told by their kind only', async () => {
  const { world, shard, client, ask } = await open();
  expect(errorOf(await ask(encodeQuery(4, 1, 'SELEC', ONE))).code).toBe(ErrorCode.Syntax);
  expect(errorOf(await ask(encodePrepare(4, 1, 'SELECT * FROM ks.nothing'))).code).toBe(ErrorCode.Invalid);
  shard.executor.script = ({ completion }) => completion.failed(new InvalidRequestError('no'));
  expect(errorOf(await ask(encodeQuery(4, 1, 'SELECT * FROM ks.t', ONE)))).toEqual({
    code: ErrorCode.Invalid,
    message: 'no',
  });
  shard.executor.script = ({ completion }) => completion.failed(new Error('secret of another client'));
  const write = errorOf(await ask(encodeQuery(4, 1, INSERT, { ...ONE, values: [INT_1, TEXT] })));
  expect(write.code).toBe(ErrorCode.WriteTimeout);
  expect(write.message).not.toContain('secret');
  const batch = await ask(encodeBatch(4, 1, 1, [{ query: INSERT, values: [INT_1, TEXT] }], ONE));
  expect(Buffer.from(batch.body).toString()).toContain('UNLOGGED_BATCH');
  const cas = await ask(encodeQuery(4, 1, `${INSERT} IF NOT EXISTS`, { ...ONE, values: [INT_1, TEXT] }));
  expect(Buffer.from(cas.body).toString()).toContain('CAS');
  const read = errorOf(await ask(encodeQuery(4, 1, 'SELECT * FROM ks.t', ONE)));
  expect(read.code).toBe(ErrorCode.Server);
  expect(world.errors.length).toBe(4);
  expect(world.errors[0]).toContain('secret');
  shard.executor.script = () => {
    throw new Error('thrown, which it must not');
  };
  expect(errorOf(await ask(encodeQuery(4, 1, 'SELECT * FROM ks.t', ONE))).code).toBe(ErrorCode.Server);
  expect(shard.server.requestsInFlight).toBe(0);
  expect(client.isClosed).toBe(false);
});

test('a failed assertion is not answered: it ends the thread', async () => {
  const { shard, ask } = await open();
  shard.executor.script = ({ completion }) => completion.failed(new AssertionError('a claim'));
  await expect(ask(encodeQuery(4, 1, 'SELECT * FROM ks.t', ONE))).rejects.toThrow('a claim');
});

test('a body that ends early, or holds bad UTF-8, is a protocol error of its stream and the connection goes on', async () => {
  const { client, ask } = await open();
  const whole = encodeQuery(4, 5, 'SELECT * FROM ks.t', { ...ONE, pageSize: 5 });
  for (let length = 0; length < whole.length - 9; length++) {
    const cut = Buffer.from(whole.subarray(0, 9 + length));
    cut.writeUInt32BE(length, 5);
    const answer = await ask(cut);
    expect([answer.stream, errorOf(answer).code]).toEqual([5, ErrorCode.Protocol]);
  }
  const bad = Buffer.from(whole);
  bad[13] = 0xff;
  expect(errorOf(await ask(bad)).message).toContain('Cannot decode string as UTF8, invalid character at byte offset 0');
  expect(client.isClosed).toBe(false);
});

test('requests in flight are limited by shard and by connection; OPTIONS always passes', async () => {
  const limits = { maxConcurrentRequests: 20, maxRequestsPerConnection: 15 };
  const { world, shard, client } = await open({ limits });
  const other = await world.ready();
  shard.executor.hold();
  const send = (target: CqlClient, count: number): Promise<ResponseFrame>[] =>
    Array.from({ length: count }, (_, i) => target.ask(encodeQuery(4, i, 'SELECT * FROM ks.t', ONE)));
  const first = send(client, 17);
  await world.pass(5);
  const second = send(other, 7);
  const refused = [first[15]!, first[16]!, second[5]!, second[6]!];
  for (const answer of refused) expect(errorOf(await world.run(answer)).code).toBe(ErrorCode.Overloaded);
  expect((await world.run(other.ask(encodeOptions(4, 99)))).opcode).toBe(Opcode.Supported);
  expect(shard.executor.held.length).toBe(20);
  expect(shard.metrics.value(Metric.CqlRequestsShed)).toBe(4);
  shard.executor.release();
  for (const answer of [...first.slice(0, 15), ...second.slice(0, 5)])
    expect(resultKind(await world.run(answer))).toBe(2);
  expect(shard.server.requestsInFlight).toBe(0);
  expect(resultKind(await world.run(client.ask(encodeQuery(4, 1, 'SELECT * FROM ks.t', ONE))))).toBe(2);
});

test('memory of requests: reading stops while it is used up, and goes on when it is free', async () => {
  const { world, shard, client } = await open({ limits: { requestBytes: 1 << 20 } });
  const insert = (stream: number): Uint8Array =>
    encodeQuery(4, stream, INSERT, { ...ONE, values: [INT_1, Buffer.alloc(10_000, 'x')] });
  shard.executor.hold();
  const answers = Array.from({ length: 200 }, (_, i) => client.ask(insert(i)));
  await world.pass(50);
  // Charged with twice their size; one chunk more than the limit may be under way.
  expect(shard.executor.held.length).toBeLessThan((1 << 20) / 20_000 + 8);
  expect(shard.metrics.value(Metric.CqlReadingPaused)).toBe(1);
  shard.executor.release();
  for (const answer of answers) expect(resultKind(await world.run(answer))).toBe(ResultKind.Void);
  expect(shard.metrics.value(Metric.CqlRequestBytes)).toBe(0);
});

test('memory of requests: large frames are refused while it is short, and the connection goes on', async () => {
  const { world, shard, client } = await open({ limits: { requestBytes: 1 << 20 } });
  const other = await world.ready();
  const large = (stream: number, bytes: number): Uint8Array =>
    encodeQuery(4, stream, INSERT, { ...ONE, values: [INT_1, Buffer.alloc(bytes, 'x')] });
  shard.executor.hold();
  const answers = Array.from({ length: 40 }, (_, i) => client.ask(large(i, 40_000)));
  await world.pass(50);
  expect(shard.executor.held.length).toBeGreaterThan(5);
  expect(shard.metrics.value(Metric.CqlRequestBytes)).toBeLessThanOrEqual(1 << 20);
  expect(errorOf(await world.run(other.ask(large(1, 400_000)))).code).toBe(ErrorCode.Overloaded);
  const { length } = shard.executor.held;
  shard.executor.release();
  const frames = await Promise.all(answers.map((answer) => world.run(answer)));
  expect(frames.filter(({ opcode }) => opcode === Opcode.Result).length).toBe(length);
  expect(resultKind(await world.run(other.ask(large(1, 100_000))))).toBe(ResultKind.Void);
  expect([client.isClosed, other.isClosed]).toEqual([false, false]);
});

test('an answer for a client that is gone is dropped, and everything is given back', async () => {
  const { world, shard, client } = await open();
  shard.executor.hold();
  for (let i = 0; i < 10; i++) client.send(encodeQuery(4, i, INSERT, { ...ONE, values: [INT_1, TEXT] }));
  await world.pass(5);
  client.socket.destroy();
  await world.pass(5);
  expect(shard.server.requestsInFlight).toBe(10);
  for (const [i, { completion }] of shard.executor.held.entries()) {
    if (i % 2 === 0) completion.done(['w']);
    else completion.failed(new TesseraError('OVERLOADED', 'x'));
  }
  await world.pass(5);
  expect(shard.server.requestsInFlight).toBe(0);
  expect(shard.metrics.value(Metric.CqlRequestBytes)).toBe(0);
  expect(shard.metrics.value(Metric.CqlConnections)).toBe(0);
});

test('drain: what is under way ends, what is new is sent elsewhere, then connections close', async () => {
  const { world, shard, client } = await open();
  const idle = await world.ready();
  shard.executor.hold();
  const under = client.ask(encodeQuery(4, 1, 'SELECT * FROM ks.t', ONE));
  await world.pass(5);
  await shard.server.stopListening();
  let isDrained = false;
  const drained = shard.server.drain(shard.clock.monotonicMs() + 5000).then(() => {
    isDrained = true;
  });
  const refused = await world.run(client.ask(encodeQuery(4, 2, 'SELECT * FROM ks.t', ONE)));
  expect(errorOf(refused).code).toBe(ErrorCode.Bootstrapping);
  expect(isDrained).toBe(false);
  shard.executor.release();
  expect(resultKind(await world.run(under))).toBe(2);
  expect(await world.run(client.closed)).toBeUndefined();
  expect(await world.run(idle.closed)).toBeUndefined();
  await world.run(drained);
  await expect(world.connect()).rejects.toThrow('ECONNREFUSED');
});

test('drain ends at its deadline though requests and clients do not', async () => {
  const { world, shard, client } = await open();
  shard.executor.hold();
  client.send(encodeQuery(4, 1, 'SELECT * FROM ks.t', ONE));
  await world.pass(5);
  const startMs = world.time.nowMs;
  await world.run(shard.server.drain(shard.clock.monotonicMs() + 1000));
  expect(world.time.nowMs - startMs).toBeLessThan(1100);
  shard.executor.release();
  expect(shard.server.clients()).toEqual([]);
});
