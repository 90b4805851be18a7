import { expect, test } from 'vitest';
import type { Schema } from '../../core/schema/keyspace.ts';
import { Opcode } from '../../cql/protocol/envelope.ts';
import { ErrorCode } from '../../cql/protocol/error.ts';
import { encodeExecute, encodePrepare } from '../../cql/protocol/request-encoder.ts';
import { BodyReader } from '../../cql/protocol/value.ts';
import { type CqlClient, errorOf, preparedId, resultKind } from '../../test/support/cql-client.ts';
import { ServerWorld, schemaOf, TEST_SCHEMA } from '../../test/support/server-world.ts';

const ONE = { consistency: 1 };
const SELECT = 'SELECT * FROM ks.t';

/** A client on every shard. */
async function clientPerShard(world: ServerWorld): Promise<CqlClient[]> {
  const clients: (CqlClient | undefined)[] = world.shards.map(() => undefined);
  while (clients.includes(undefined)) {
    const counts = world.shards.map(({ server }) => server.clients().length);
    const client = await world.ready();
    const shard = world.shards.findIndex(({ server }, i) => server.clients().length > counts[i]!);
    if (clients[shard] === undefined) clients[shard] = client;
    else client.socket.destroy();
  }
  return clients as CqlClient[];
}

test('once PREPARE is answered, every shard knows the statement', async () => {
  const world = await new ServerWorld({ shards: 4 }).listen();
  const clients = await clientPerShard(world);
  const id = preparedId(await world.run(clients[2]!.ask(encodePrepare(4, 1, SELECT))));
  expect(world.shards.map(({ server }) => server.preparedCount)).toEqual([1, 1, 1, 1]);
  for (const client of clients) expect(resultKind(await world.run(client.ask(encodeExecute(4, 1, id, ONE))))).toBe(2);
  // Again, from all of them at once: all get the same id, and nothing is there twice.
  const answers = clients.map((client) => world.run(client.ask(encodePrepare(4, 2, SELECT))));
  for (const answer of await Promise.all(answers)) expect(preparedId(answer)).toEqual(id);
  expect(world.shards.map(({ server }) => server.preparedCount)).toEqual([1, 1, 1, 1]);
});

test('a shard that does not answer makes PREPARE fail after its time, and the connection lives on', async () => {
  const world = await new ServerWorld({ shards: 2 }).listen();
  const [client] = await clientPerShard(world);
  world.shards[1]!.tasks.stop();
  const startMs = world.time.nowMs;
  const answers = [1, 2, 3].map((stream) => client!.ask(encodePrepare(4, stream, SELECT)));
  for (const answer of answers) {
    const error = errorOf(await world.run(answer));
    expect(error.code).toBe(ErrorCode.Server);
    expect(error.message).toContain('every shard');
  }
  expect(world.time.nowMs - startMs).toBeLessThan(1100);
  expect(world.shards[0]!.server.requestsInFlight).toBe(0);
});

test('shards with different schemas: PREPARE waits until they agree, and tells the shape of the new one', async () => {
  const world = await new ServerWorld({ shards: 3 }).listen();
  const clients = await clientPerShard(world);
  const next: Schema = schemaOf(`${TEST_SCHEMA} CREATE TABLE ks.new (k int PRIMARY KEY);`);
  world.switchSchema(next, [1]);
  const answer = clients[1]!.ask(encodePrepare(4, 1, 'SELECT * FROM ks.new'));
  await world.pass(100);
  expect(clients[1]!.frameCount).toBe(1); // READY, no more
  world.switchSchema(next, [0, 2]);
  const id = preparedId(await world.run(answer));
  for (const client of clients) expect(resultKind(await world.run(client.ask(encodeExecute(4, 1, id, ONE))))).toBe(2);

  // The other way round: the shard that prepares is the one that is late, and has planned with the old schema.
  const wider = schemaOf(TEST_SCHEMA.replace('v text, a', 'v text, w int, a'));
  world.switchSchema(wider, [0, 1]);
  const late = clients[2]!.ask(encodePrepare(4, 2, SELECT));
  await world.pass(50);
  world.switchSchema(wider, [2]);
  const prepared = await world.run(late);
  expect(Buffer.from(prepared.body).includes(Buffer.from('\0\x01w'))).toBe(true);
});

test('a schema that changes while the others are being told: the answer is of the new one, and all know it', async () => {
  const world = await new ServerWorld({ shards: 2 }).listen();
  const clients = await clientPerShard(world);
  const answer = clients[0]!.ask(encodePrepare(4, 1, SELECT));
  while (world.shards[1]!.server.preparedCount === 0) await world.time.runAsync(world.time.nowMs + 1000, 1);
  expect(clients[0]!.frameCount).toBe(1);
  world.switchSchema(schemaOf(TEST_SCHEMA.replace('v text, a', 'v text, w int, a')));
  const prepared = await world.run(answer);
  expect(Buffer.from(prepared.body).includes(Buffer.from('\0\x01w'))).toBe(true);
  for (const client of clients) {
    expect(resultKind(await world.run(client.ask(encodeExecute(4, 1, preparedId(prepared), ONE))))).toBe(2);
  }
});

test('shards that never agree: Server error after its time', async () => {
  const world = await new ServerWorld({ shards: 2 }).listen();
  const clients = await clientPerShard(world);
  world.switchSchema(schemaOf(TEST_SCHEMA), [0]);
  const startMs = world.time.nowMs;
  expect(errorOf(await world.run(clients[0]!.ask(encodePrepare(4, 1, SELECT)))).code).toBe(ErrorCode.Server);
  expect(world.time.nowMs - startMs).toBeLessThan(1100);
});

test('a schema change makes statements of its tables unknown on every shard; preparing again heals', async () => {
  const world = await new ServerWorld({ shards: 2 }).listen();
  const clients = await clientPerShard(world);
  const id = preparedId(await world.run(clients[0]!.ask(encodePrepare(4, 1, SELECT))));
  world.switchSchema(schemaOf(TEST_SCHEMA));
  for (const client of clients) {
    const answer = await world.run(client.ask(encodeExecute(4, 1, id, ONE)));
    const body = new BodyReader(answer.body);
    expect(body.int()).toBe(ErrorCode.Unprepared);
    body.string();
    expect(body.shortBytesCopy()).toEqual(id);
  }
  expect(preparedId(await world.run(clients[1]!.ask(encodePrepare(4, 1, SELECT))))).toEqual(id);
  expect(resultKind(await world.run(clients[0]!.ask(encodeExecute(4, 1, id, ONE))))).toBe(2);
});

test('eviction on one shard costs an UNPREPARED there, no more', async () => {
  const world = await new ServerWorld({ shards: 2, limits: { preparedBytes: 10_000 } }).listen();
  const clients = await clientPerShard(world);
  const id = preparedId(await world.run(clients[0]!.ask(encodePrepare(4, 1, SELECT))));
  for (let i = 0; i < 20; i++) {
    preparedId(await world.run(clients[0]!.ask(encodePrepare(4, 1, `SELECT v FROM ks.t WHERE k = ${i}`))));
  }
  const answer = await world.run(clients[1]!.ask(encodeExecute(4, 1, id, ONE)));
  expect([answer.opcode, errorOf(answer).code]).toEqual([Opcode.Error, ErrorCode.Unprepared]);
  await world.run(clients[1]!.ask(encodePrepare(4, 1, SELECT)));
  expect(resultKind(await world.run(clients[1]!.ask(encodeExecute(4, 1, id, ONE))))).toBe(2);
});

test('a text whose id belongs to another statement is refused', async () => {
  const world = await new ServerWorld({ server: { md5: () => new Uint8Array(16) } }).listen();
  const client = await world.ready();
  preparedId(await world.run(client.ask(encodePrepare(4, 1, SELECT))));
  const refused = errorOf(await world.run(client.ask(encodePrepare(4, 1, 'SELECT v FROM ks.t'))));
  expect(refused.code).toBe(ErrorCode.Invalid);
});
