import { expect, test } from 'vitest';
import { ByteWriter } from '../../core/bytes.ts';
import { Metric } from '../../core/metrics.ts';
import { lz4Compressor } from '../../cql/protocol/compress.ts';
import { Opcode } from '../../cql/protocol/envelope.ts';
import { ErrorCode } from '../../cql/protocol/error.ts';
import {
  encodeAuthResponse,
  encodeBatch,
  encodeExecute,
  encodeOptions,
  encodePrepare,
  encodeQuery,
  encodeRegister,
  encodeStartup,
} from '../../cql/protocol/request-encoder.ts';
import { badCredentials } from '../../cql/protocol/sasl-plain.ts';
import { BodyReader } from '../../cql/protocol/value.ts';
import { errorOf, preparedId, type ResponseFrame, resultKind, withLength } from '../../test/support/cql-client.ts';
import { answerEmpty, type ExecutedCall } from '../../test/support/scripted-executor.ts';
import { ServerWorld } from '../../test/support/server-world.ts';
import { lz4Blocks } from '../host/lz4-blocks.ts';
import type { PendingRequest } from './pending-request.ts';

const ONE = { consistency: 1 };
const STARTUP = { CQL_VERSION: '3.0.0' };

const frameOf = (version: number, stream: number, opcode: number, body = ''): Uint8Array => {
  const bytes = Buffer.from(body);
  const frame = Buffer.alloc(9 + bytes.length);
  frame[0] = version;
  frame.writeInt16BE(stream, 2);
  frame[4] = opcode;
  frame.writeUInt32BE(bytes.length, 5);
  bytes.copy(frame, 9);
  return frame;
};

test('phases: each request is answered where it may come, and refused elsewhere without losing the connection', async () => {
  const world = await new ServerWorld().listen();
  const client = await world.connect();
  const ask = (frame: Uint8Array): Promise<ResponseFrame> => world.run(client.ask(frame));
  expect(errorOf(await ask(encodeQuery(4, 1, 'SELECT * FROM ks.t', ONE))).code).toBe(ErrorCode.Protocol);
  expect(errorOf(await ask(encodeAuthResponse(4, 2, Buffer.from('\0a\0b')))).code).toBe(ErrorCode.Protocol);
  expect((await ask(encodeOptions(4, 3))).opcode).toBe(Opcode.Supported);
  expect((await ask(encodeStartup(4, 4, STARTUP))).opcode).toBe(Opcode.Ready);
  expect(errorOf(await ask(encodeStartup(4, 5, STARTUP))).code).toBe(ErrorCode.Protocol);
  expect((await ask(encodeOptions(4, -7))).stream).toBe(-7);
  expect(resultKind(await ask(encodeQuery(4, 6, 'SELECT * FROM ks.t', ONE)))).toBe(2);
  expect((await ask(encodeRegister(4, 7, ['SCHEMA_CHANGE']))).opcode).toBe(Opcode.Ready);
  expect(errorOf(await ask(encodeRegister(4, 8, ['NOTHING']))).message).toContain("Invalid value 'NOTHING'");
  for (const opcode of [0x00, 0x02, 0x08, 0x0c, 0x1f, 0xff]) {
    expect(errorOf(await ask(frameOf(4, 9, opcode))).message).toBe(`Unknown opcode ${opcode}`);
  }
  expect(client.isClosed).toBe(false);
});

test('SUPPORTED and STARTUP: compressions, shard keys, unknown options', async () => {
  const world = await new ServerWorld({ shards: 2 }).listen();
  const client = await world.connect();
  const supported = new BodyReader((await world.run(client.ask(encodeOptions(3, 0)))).body).stringMultimap();
  expect(supported.get('COMPRESSION')).toEqual(['lz4']);
  expect(supported.get('SCYLLA_NR_SHARDS')).toEqual(['2']);
  const refused = await world.run(client.ask(encodeStartup(3, 1, { ...STARTUP, COMPRESSION: 'zip' })));
  expect(errorOf(refused).message).toContain('Unknown compression algorithm: zip');
  const options = { ...STARTUP, COMPRESSION: 'LZ4', DRIVER_NAME: 'd', DRIVER_VERSION: '1.2', NO_SUCH: 'x' };
  expect((await world.run(client.ask(encodeStartup(3, 2, options)))).opcode).toBe(Opcode.Ready);
  const clients = world.shards.flatMap(({ server }) => server.clients());
  expect(clients).toMatchObject([{ stage: 'READY', driverName: 'd', driverVersion: '1.2', protocolVersion: 3 }]);
  expect(clients[0]!.options.get('NO_SUCH')).toBe('x');
});

interface Refusal {
  readonly name: string;
  readonly bytes: Uint8Array;
  /** Code and part of the text; undefined: closed without a word. */
  readonly answer: readonly [code: number, text: string, version: number, stream: number] | undefined;
  readonly isReady: boolean;
}
const lengthTooLarge = withLength(frameOf(4, 5, Opcode.Query), 20_000_000);
const REFUSALS: readonly Refusal[] = [
  {
    name: 'version 5, with the text that drivers look for',
    bytes: frameOf(5, 3, Opcode.Options),
    answer: [
      ErrorCode.Protocol,
      'Invalid or unsupported protocol version (5); the lowest supported version is 3',
      4,
      3,
    ],
    isReady: false,
  },
  {
    name: 'version 0x42',
    bytes: frameOf(0x42, 0, Opcode.Startup),
    answer: [ErrorCode.Protocol, 'Invalid or unsupported protocol version (66)', 4, 0],
    isReady: false,
  },
  {
    name: 'version 1 with its header of 8 bytes',
    bytes: Buffer.from('0100070500000000', 'hex'),
    answer: [ErrorCode.Protocol, 'Invalid or unsupported protocol version (1)', 4, 7],
    isReady: false,
  },
  { name: 'TLS', bytes: Buffer.from('160301020001', 'hex'), answer: undefined, isReady: false },
  { name: 'HTTP', bytes: Buffer.from('GET / HTTP/1.1\r\n\r\n'), answer: undefined, isReady: false },
  {
    name: 'a response',
    bytes: frameOf(0x84, 2, Opcode.Query),
    answer: [ErrorCode.Protocol, 'response bit', 4, 2],
    isReady: true,
  },
  {
    name: 'another version',
    bytes: frameOf(3, 2, Opcode.Options),
    answer: [ErrorCode.Protocol, 'Got 3 but previous messages on this connection had version 4', 4, 2],
    isReady: true,
  },
  {
    name: 'a large first message',
    bytes: withLength(frameOf(4, 1, Opcode.Startup), 100_001),
    answer: [ErrorCode.Protocol, 'Initial message size too large (100001)', 4, 1],
    isReady: false,
  },
  {
    name: 'a frame above the limit',
    bytes: lengthTooLarge,
    answer: [ErrorCode.Invalid, 'request size too large (frame size 20000000', 4, 5],
    isReady: true,
  },
  {
    name: 'a compressed frame where nothing was agreed',
    bytes: Buffer.from('040100060700000005ffffffffff', 'hex'),
    answer: [ErrorCode.Protocol, 'Unknown compression algorithm', 4, 6],
    isReady: true,
  },
];
test.each(REFUSALS)(
  'refused with an answer that can be read, then closed: $name',
  async ({ bytes, answer, isReady }) => {
    const world = await new ServerWorld().listen();
    const client = isReady ? await world.ready() : await world.connect();
    // What follows must not be answered, and must not reset the connection before the answer was read.
    client.send(Buffer.concat([bytes, encodeOptions(4, 9), Buffer.alloc(300_000, 7)]));
    const error = await world.run(client.closed);
    if (answer === undefined) {
      expect(client.frames).toEqual([]);
      return;
    }
    expect(error).toBeUndefined();
    const [code, text, version, stream] = answer;
    expect(client.frames.length).toBe(1);
    const frame = client.frames[0]!;
    expect([frame.version, frame.stream]).toEqual([0x80 | version, stream]);
    expect(errorOf(frame).code).toBe(code);
    expect(errorOf(frame).message).toContain(text);
  },
);

test('frames cut at every byte position give the same answers', async () => {
  const world = await new ServerWorld({ network: { cutRate: 0, maxDelayMs: 0.001 } }).listen();
  const text = 'INSERT INTO ks.t (k, v) VALUES (?, ?)';
  const first = await world.ready();
  const id = preparedId(await world.run(first.ask(encodePrepare(4, 0, text))));
  const values = [Buffer.from('00000001', 'hex'), Buffer.from('text')];
  const session = Buffer.concat([
    encodeStartup(4, 1, STARTUP),
    encodeQuery(4, 2, text, { ...ONE, values }),
    encodeExecute(4, 3, id, { ...ONE, values }),
    encodeBatch(4, 4, 0, [{ query: id, values }], ONE),
    encodeOptions(4, 5),
    encodePrepare(4, 6, text),
  ]);
  const answersOf = async (cuts: readonly number[]): Promise<string[]> => {
    const client = await world.connect();
    for (const [i, cut] of [...cuts, session.length].entries()) {
      client.send(session.subarray(i === 0 ? 0 : cuts[i - 1]!, cut));
      await world.pass(0.1);
    }
    await world.pass(1);
    const { frames } = client;
    client.socket.destroy();
    return frames.map((frame) => `${frame.stream}:${frame.opcode}:${Buffer.from(frame.body).toString('hex')}`);
  };
  const whole = await answersOf([]);
  expect(whole.length).toBe(6);
  for (let cut = 1; cut < session.length; cut++) expect(await answersOf([cut])).toEqual(whole);
  expect(await answersOf(Array.from({ length: session.length - 1 }, (_, i) => i + 1))).toEqual(whole);
});

test('answers go out in any order, each to its stream: 2048 pipelined requests', async () => {
  const world = await new ServerWorld().listen();
  const client = await world.ready();
  const { executor } = world.shards[0]!;
  executor.hold();
  const frames: Uint8Array[] = [];
  // Streams are neither small nor dense nor positive.
  const streams = Array.from({ length: 2048 }, (_, i) => ((i * 64 + (i >> 9)) << 16) >> 16);
  expect(new Set(streams).size).toBe(2048);
  for (const stream of streams) frames.push(encodeQuery(4, stream, 'SELECT * FROM ks.t', ONE));
  const answers = Promise.all(streams.map((stream) => client.expect(stream)));
  client.send(Buffer.concat(frames));
  await world.pass(50);
  expect(executor.held.length).toBe(2048);
  expect(client.frameCount).toBe(1);
  executor.release();
  for (const answer of await world.run(answers)) expect(resultKind(answer)).toBe(2);
});

test('one write per turn, whatever number of answers', async () => {
  const world = await new ServerWorld({ network: { cutRate: 0 } }).listen();
  const client = await world.ready();
  const chunks: number[] = [];
  const onData = client.onData.bind(client);
  client.onData = (chunk: Uint8Array): void => {
    chunks.push(chunk.length);
    onData(chunk);
  };
  const frames = Array.from({ length: 100 }, (_, i) => encodeQuery(4, i, 'SELECT * FROM ks.t', ONE));
  client.send(Buffer.concat(frames));
  await world.pass(10);
  expect(chunks.length).toBe(1);
  expect(client.frames.length).toBe(100);
});

test('answers of one round of the loop leave together while others are owed, and wait for no other', async () => {
  const world = await new ServerWorld({ network: { cutRate: 0 } }).listen();
  const client = await world.ready();
  const { executor, tasks } = world.shards[0]!;
  const chunks: number[] = [];
  const onData = client.onData.bind(client);
  client.onData = (chunk: Uint8Array): void => {
    chunks.push(chunk.length);
    onData(chunk);
  };
  const held: ExecutedCall[] = [];
  executor.script = (call): void => {
    const { stream } = call.completion as PendingRequest;
    if (stream === 0) answerEmpty(call);
    else if (stream === 1) tasks.post(0, () => answerEmpty(call));
    else held.push(call);
  };
  client.send(Buffer.concat([0, 1, 2].map((stream) => encodeQuery(4, stream, 'SELECT * FROM ks.t', ONE))));
  await world.pass(10);
  expect(client.frames.map(({ stream }) => stream)).toEqual([0, 1]);
  expect(chunks.length).toBe(1);
  answerEmpty(held[0]!);
  await world.pass(10);
  expect([client.frames.length, chunks.length]).toEqual([3, 2]);
});

test('login: wrong credentials end the connection, right ones open it, nothing else is served before', async () => {
  const judged: string[] = [];
  const world = await new ServerWorld({
    server: {
      authenticator: (username, password, done) => {
        judged.push(`${username}/${password}`);
        world.shards[0]!.tasks.setTimer(5, () => done(password === 'right' ? undefined : badCredentials()));
      },
    },
  }).listen();
  const client = await world.connect();
  expect((await world.run(client.ask(encodeStartup(4, 0, STARTUP)))).opcode).toBe(Opcode.Authenticate);
  expect(errorOf(await world.run(client.ask(encodeOptions(4, 1)))).code).toBe(ErrorCode.Protocol);
  const answer = client.ask(encodeAuthResponse(4, 2, Buffer.from('\0me\0right')));
  const early = client.ask(encodeAuthResponse(4, 3, Buffer.from('\0me\0right')));
  expect(errorOf(await world.run(early)).code).toBe(ErrorCode.Protocol);
  expect((await world.run(answer)).opcode).toBe(Opcode.AuthSuccess);
  expect((await world.run(client.ask(encodeOptions(4, 1)))).opcode).toBe(Opcode.Supported);

  const stranger = await world.connect();
  await world.run(stranger.ask(encodeStartup(4, 0, STARTUP)));
  const refused = await world.run(stranger.ask(encodeAuthResponse(4, 1, Buffer.from('\0me\0wrong'))));
  expect(errorOf(refused)).toEqual({
    code: ErrorCode.BadCredentials,
    message: 'Username and/or password are incorrect',
  });
  expect(await world.run(stranger.closed)).toBeUndefined();
  expect(judged).toEqual(['me/right', 'me/wrong']);
});

test('a handshake that takes longer than its time ends with the connection; one byte a second does not help', async () => {
  const world = await new ServerWorld().listen();
  const silent = await world.connect();
  const slow = await world.connect();
  const frame = encodeStartup(4, 0, STARTUP);
  const startMs = world.time.nowMs;
  for (let i = 0; i < frame.length && !slow.isClosed; i++) {
    slow.send(frame.subarray(i, i + 1));
    await world.pass(1000);
  }
  expect([silent.isClosed, slow.isClosed]).toEqual([true, true]);
  expect(world.time.nowMs - startMs).toBeLessThan(12_000);
  expect(world.shards[0]!.metrics.value(Metric.CqlConnectionsCut)).toBe(2);
  const ready = await world.ready();
  await world.pass(600_000);
  expect(ready.isClosed).toBe(false);
});

test('strangers are limited in bytes and in number, and do not keep others out', async () => {
  const world = await new ServerWorld({ limits: { maxHandshakes: 10 } }).listen();
  const talker = await world.connect();
  const options = encodeOptions(4, 0);
  talker.send(Buffer.concat(Array.from({ length: 25_000 }, () => options)));
  await world.run(talker.closed);
  const last = talker.frames.at(-1)!;
  expect(errorOf(last).message).toContain('before the end of the handshake');

  const first = await Promise.all(Array.from({ length: 10 }, () => world.connect()));
  await world.pass(10);
  const refused = await world.connect();
  await world.run(refused.closed);
  expect(first.every((client) => !client.isClosed)).toBe(true);
  await world.pass(2000);
  const late = await world.ready();
  await world.pass(5);
  expect(late.isClosed).toBe(false);
  expect(first.filter((client) => client.isClosed).length).toBe(1);
});

test('connections are limited, and the limit is given back', async () => {
  const world = await new ServerWorld({ limits: { maxConnections: 3 } }).listen();
  const open = [await world.ready(), await world.ready(), await world.ready()];
  const refused = await world.connect();
  await world.run(refused.closed);
  open[1]!.socket.destroy();
  await world.pass(5);
  await world.ready();
  expect(world.shards[0]!.metrics.value(Metric.CqlConnections)).toBe(3);
});

test('a slow reader: its requests wait, memory stays bounded, others go on, and it is cut off in time', async () => {
  const limits = { outputPauseBytes: 1 << 20, outputCutBytes: 8 << 20 };
  const world = await new ServerWorld({ limits, network: { windowBytes: 64 * 1024 } }).listen();
  const { executor, metrics } = world.shards[0]!;
  executor.script = (call) => {
    if (!call.options.text.includes('wide')) return answerEmpty(call);
    const rows = new ByteWriter(1 << 18);
    rows.length = 1 << 18;
    call.completion.rows(call.plan.resultColumns!, 1, rows, undefined, []);
  };
  const slow = await world.ready();
  const good = await world.ready();
  slow.socket.pause();
  const pages = Array.from({ length: 1000 }, (_, i) => encodeQuery(4, i, 'SELECT v FROM ks.wide', ONE));
  slow.send(Buffer.concat(pages));
  let most = 0;
  for (let i = 0; i < 100; i++) {
    await world.run(good.ask(encodeOptions(4, i)));
    await world.pass(10);
    most = Math.max(most, metrics.value(Metric.CqlOutputBytes));
  }
  expect(most).toBeGreaterThan(1 << 20);
  expect(most).toBeLessThan(3 << 20);
  expect(executor.count).toBeLessThan(20);
  await world.pass(25_000);
  expect(metrics.value(Metric.CqlConnectionsCut)).toBe(1);
  expect(metrics.value(Metric.CqlOutputBytes)).toBe(0);
  expect(good.isClosed).toBe(false);
});

test('compression: both directions, and bombs are refused', async () => {
  const world = await new ServerWorld().listen();
  const client = await world.ready(4, { COMPRESSION: 'lz4' });
  const lz4 = lz4Compressor(lz4Blocks);
  const compressed = (frame: Uint8Array): Uint8Array => {
    const body = lz4.compress(frame.subarray(9));
    const whole = Buffer.concat([frame.subarray(0, 9), body]);
    whole[1]! |= 1;
    whole.writeUInt32BE(body.length, 5);
    return whole;
  };
  const text = 'SELECT * FROM ks.t';
  world.shards[0]!.executor.script = ({ plan, completion }) => {
    const rows = new ByteWriter(4096);
    rows.length = 4096;
    completion.rows(plan.resultColumns!, 1, rows, undefined, []);
  };
  const plain = await world.run(client.ask(encodeQuery(4, 1, text, ONE)));
  expect(plain.flags & 1).toBe(1);
  const body = lz4.uncompress(plain.body, 1 << 20);
  expect(new BodyReader(body).int()).toBe(2);
  const again = await world.run(client.ask(compressed(encodeQuery(4, 2, text, ONE))));
  expect(Buffer.from(lz4.uncompress(again.body, 1 << 20)).equals(body)).toBe(true);
  const bomb = Buffer.alloc(9 + 64);
  bomb[0] = 4;
  bomb[1] = 1;
  bomb[4] = Opcode.Query;
  bomb.writeUInt32BE(64, 5);
  bomb.writeUInt32BE(0x7fff_ffff, 9);
  expect(errorOf(await world.run(client.ask(bomb))).code).toBe(ErrorCode.Protocol);
  expect(client.isClosed).toBe(false);
});
