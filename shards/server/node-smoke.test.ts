import { expect, test } from 'vitest';
import { Opcode } from '../../cql/protocol/envelope.ts';
import { encodeExecute, encodeOptions, encodePrepare, encodeQuery } from '../../cql/protocol/request-encoder.ts';
import { SIM_BELL } from '../../test/sim/sim-link.ts';
import { CqlClient, preparedId, resultKind } from '../../test/support/cql-client.ts';
import { ScriptedExecutor } from '../../test/support/scripted-executor.ts';
import { ServerWorld } from '../../test/support/server-world.ts';
import { NodeClock } from '../host/node-clock.ts';
import { NodeSockets } from '../host/node-sockets.ts';
import { NodeTasks } from '../host/node-tasks.ts';
import { LinkMailbox } from '../mailbox.ts';
import { createMetricsMemory, MetricsBlock } from '../metrics-block.ts';

const ONE = { consistency: 1 };
const HOST = '127.0.0.1';

test('over real sockets: several clients, pipelined prepared statements, large values, drain', async () => {
  const clock = new NodeClock();
  const tasks = new NodeTasks(clock);
  const metrics = new MetricsBlock(createMetricsMemory());
  const mailbox = new LinkMailbox({ self: 0, peers: [], bell: SIM_BELL, clock, tasks, metrics });
  const sockets = new NodeSockets();
  const executor = new ScriptedExecutor();
  executor.keepsCalls = false;
  const world = new ServerWorld({
    server: { sockets, tasks, clock, mailbox, metrics, executor, wake: () => mailbox.wake(false) },
  });
  mailbox.start();
  const { server } = world.shards[0]!;
  const port = await server.listen(HOST, 0);
  try {
    const clients = await Promise.all([3, 4, 4].map((version) => CqlClient.ready(sockets, HOST, port, version)));
    for (const [i, client] of clients.entries()) {
      const version = i === 0 ? 3 : 4;
      const insert = 'INSERT INTO ks.t (k, v) VALUES (?, ?)';
      const id = preparedId(await client.ask(encodePrepare(version, 1, insert)));
      const values = [Buffer.from('00000001', 'hex'), Buffer.alloc(i === 2 ? 3_000_000 : 100, 'x')];
      const streams = Array.from({ length: i === 2 ? 3 : 2000 }, (_, stream) => stream);
      const answers = streams.map((stream) => client.expect(stream));
      client.send(Buffer.concat(streams.map((stream) => encodeExecute(version, stream, id, { ...ONE, values }))));
      for (const answer of await Promise.all(answers)) expect(resultKind(answer)).toBe(1);
    }
    expect(executor.count).toBe(4003);
    expect(server.clients().map(({ address, stage }) => `${address} ${stage}`)).toEqual(Array(3).fill(`${HOST} READY`));
    expect(resultKind(await clients[1]!.ask(encodeQuery(4, 1, 'SELECT * FROM system.local', ONE)))).toBe(2);
    expect((await clients[1]!.ask(encodeOptions(4, 2))).opcode).toBe(Opcode.Supported);
    await server.stopListening();
    await server.drain(clock.monotonicMs() + 5000);
    expect(await Promise.all(clients.map((client) => client.closed))).toEqual([undefined, undefined, undefined]);
  } finally {
    await server.stopListening();
    await server.drain(clock.monotonicMs());
  }
});
