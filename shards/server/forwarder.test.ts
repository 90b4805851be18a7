import { expect, test } from 'vitest';
import { ByteWriter } from '../../core/bytes.ts';
import { InvalidRequestError } from '../../core/errors.ts';
import { Metric } from '../../core/metrics.ts';
import { EnvelopeFlag } from '../../cql/protocol/envelope.ts';
import { ErrorCode } from '../../cql/protocol/error.ts';
import { encodeBatch, encodeExecute, encodePrepare, encodeQuery } from '../../cql/protocol/request-encoder.ts';
import { BodyReader } from '../../cql/protocol/value.ts';
import { type CqlClient, errorOf, preparedId, type ResponseFrame, resultKind } from '../../test/support/cql-client.ts';
import { answerEmpty, type ExecutedCall } from '../../test/support/scripted-executor.ts';
import { ServerWorld } from '../../test/support/server-world.ts';
import { decodeForward, encodeForward } from './forward.ts';

const ONE = { consistency: 1 };
const INT_1 = Buffer.from('00000001', 'hex');
const TEXT = Buffer.from('text');
const LWT = 'INSERT INTO t (k, v) VALUES (?, ?) IF NOT EXISTS';

interface Setup {
  readonly world: ServerWorld;
  readonly client: CqlClient;
  readonly here: ServerWorld['shards'][number];
  readonly there: ServerWorld['shards'][number];
  ask(frame: Uint8Array): Promise<ResponseFrame>;
}

/** A client on one shard whose requests all belong to the other. */
async function open(startup: Readonly<Record<string, string>> = {}, limits = {}): Promise<Setup> {
  const world = await new ServerWorld({ shards: 2, limits }).listen();
  const client = await world.ready(4, startup);
  const self = world.shards.findIndex(({ server }) => server.clients().length === 1);
  const [here, there] = [world.shards[self]!, world.shards[1 - self]!];
  await world.run(client.ask(encodeQuery(4, 0, 'USE ks', ONE)));
  here.executor.script = ({ completion }) => completion.bounce(1 - self);
  return { world, client, here, there, ask: (frame) => world.run(client.ask(frame)) };
}

const applied = ({ plan, completion }: ExecutedCall): void => {
  const rows = new ByteWriter();
  for (const _ of plan.resultColumns!) rows.i32BE(-1);
  completion.rows(plan.resultColumns!, 1, rows, undefined, ['from there']);
};

test('a bounced request runs on the other shard as it was sent, and its answer comes back on its stream', async () => {
  const { here, there, ask, client } = await open();
  there.executor.script = applied;
  const options = { consistency: 6, serialConsistency: 9, values: [INT_1, TEXT], timestamp: { hi: 0, lo: 3 } };
  const id = preparedId(await ask(encodePrepare(4, 1, LWT)));
  const answers = [
    await ask(encodeQuery(4, 1000, LWT, options)),
    await ask(encodeExecute(4, -3, id, options)),
    await ask(encodeBatch(4, 77, 0, [{ query: LWT, values: [INT_1, TEXT] }], options)),
  ];
  expect(answers.map(({ stream }) => stream)).toEqual([1000, -3, 77]);
  for (const answer of answers) {
    expect(answer.flags).toBe(EnvelopeFlag.Warning);
    const body = new BodyReader(answer.body);
    expect([body.stringList(), body.int()]).toEqual([['from there'], 2]);
  }
  for (const call of there.executor.calls) {
    expect(call.values).toEqual([[new Uint8Array(INT_1), new Uint8Array(TEXT)]]);
    expect(call.options).toMatchObject({ isBounced: true, keyspace: 'ks', consistency: 6, serialConsistency: 9 });
  }
  expect(there.executor.count).toBe(3);
  expect(here.metrics.value(Metric.CqlRequestsForwarded)).toBe(3);
  expect([here.server.requestsInFlight, client.frames.length]).toEqual([0, 0]);
});

test('errors of the other shard come back as they are', async () => {
  const { there, ask } = await open();
  there.executor.script = ({ completion }) => completion.failed(new InvalidRequestError('not there'));
  const error = errorOf(await ask(encodeQuery(4, 5, LWT, { ...ONE, values: [INT_1, TEXT] })));
  expect(error).toEqual({ code: ErrorCode.Invalid, message: 'not there' });
});

test('a request that is bounced twice is refused: nothing was done', async () => {
  const { there, ask } = await open();
  there.executor.script = ({ completion }) => completion.bounce(0);
  const error = errorOf(await ask(encodeQuery(4, 5, LWT, { ...ONE, values: [INT_1, TEXT] })));
  expect(error.code).toBe(ErrorCode.Overloaded);
});

test('no answer in time: the outcome of a write is unknown, and says so', async () => {
  const { there, ask } = await open({}, { forwardMs: 500 });
  there.executor.script = () => {};
  const answer = await ask(encodeQuery(4, 5, LWT, { ...ONE, values: [INT_1, TEXT] }));
  expect(errorOf(answer).code).toBe(ErrorCode.WriteTimeout);
  expect(Buffer.from(answer.body.subarray(-3)).toString()).toBe('CAS');
  const read = await ask(encodeQuery(4, 6, 'SELECT * FROM t', { consistency: 8 }));
  expect(errorOf(read).code).toBe(ErrorCode.ReadTimeout);
});

test('a statement that the other shard has lost is told to all again when the client prepares it', async () => {
  const { here, there, ask } = await open({}, { preparedBytes: 9000 });
  there.executor.script = applied;
  const bounce = here.executor.script;
  const id = preparedId(await ask(encodePrepare(4, 1, LWT)));
  const execute = encodeExecute(4, 2, id, { ...ONE, values: [INT_1, TEXT] });
  expect(resultKind(await ask(execute).then((frame) => ({ ...frame, body: frame.body.subarray(14) })))).toBe(2);
  // Both shards hear of every statement, but only here is this one used: there it is pushed out.
  for (let i = 0; i < 8; i++) {
    preparedId(await ask(encodePrepare(4, 1, `SELECT v FROM ks.t WHERE k = ${i}`)));
    here.executor.script = answerEmpty;
    await ask(execute);
    here.executor.script = bounce;
  }
  expect(errorOf(await ask(execute)).code).toBe(ErrorCode.Unprepared);
  expect(preparedId(await ask(encodePrepare(4, 1, LWT)))).toEqual(id);
  expect((await ask(execute)).flags).toBe(EnvelopeFlag.Warning);
});

test('the message between shards: round trip, and cut at every byte', () => {
  const out = new ByteWriter();
  encodeForward(out, 7, 4, 0x18, 'kś', Buffer.from('body'), 1, 4);
  const decoded = decodeForward(out.bytes, 0, out.length);
  expect(decoded).toMatchObject({ opcode: 7, version: 4, extensions: 0x18, keyspace: 'kś' });
  expect(Buffer.from(out.bytes.subarray(decoded.bodyStart, out.length)).toString()).toBe('ody');
  for (let end = 0; end < decoded.bodyStart; end++) expect(() => decodeForward(out.bytes, 0, end)).toThrow('cut short');
});
