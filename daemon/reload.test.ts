import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { Opcode } from '../cql/protocol/envelope.ts';
import { encodeQuery } from '../cql/protocol/request-encoder.ts';
import { NodeSockets } from '../shards/host/node-sockets.ts';
import { CqlClient, errorOf } from '../test/support/cql-client.ts';
import { type RunningNode, startNode } from '../test/support/start-node.ts';

const ONE = { consistency: 1 };
const BATCH = `BEGIN BATCH INSERT INTO r.t (k, v) VALUES (1, '${'x'.repeat(3000)}') APPLY BATCH`;

const directory = mkdtempSync(join(tmpdir(), 'tessera-reload-'));
afterAll(() => rmSync(directory, { recursive: true, force: true }));

/** Sends SIGHUP and waits for the log to tell of it. */
async function hangUp(node: RunningNode, expected: RegExp): Promise<string> {
  const seen = node.log().length;
  node.process.kill('SIGHUP');
  while (!expected.test(node.log().slice(seen))) await once(node.process.stderr!, 'data');
  return node.log().slice(seen);
}

test('SIGHUP: live settings take effect on every shard, others and mistakes are told and change nothing', async () => {
  const file = join(directory, 'tessera.yaml');
  writeFileSync(file, 'batch_size_fail_threshold_in_kb: 1024\nrack: r1\n');
  const node = await startNode({ shards: 2, args: ['--config-file', file, '--range-request-timeout-in-ms=9999'] });
  try {
    // Connections go to the shards as the kernel spreads them: of several some go to each.
    const { address, port } = node.ready.cql;
    const sockets = new NodeSockets();
    const clients = await Promise.all(Array.from({ length: 8 }, () => CqlClient.ready(sockets, address, port)));
    const askAll = (text: string) => Promise.all(clients.map((client) => client.ask(encodeQuery(4, 1, text, ONE))));
    const [first] = clients;
    for (const text of ['CREATE KEYSPACE r', 'CREATE TABLE r.t (k int PRIMARY KEY, v text)']) {
      expect((await first!.ask(encodeQuery(4, 1, text, ONE))).opcode).toBe(Opcode.Result);
    }
    for (const answer of await askAll(BATCH)) expect(answer.opcode).toBe(Opcode.Result);

    const text = 'batch_size_fail_threshold: 1KiB\nrack: r2\nno_such_key: 1\nrange_request_timeout_in_ms: 1\n';
    writeFileSync(file, text);
    const told = await hangUp(node, /rack: r1 -> r2 takes effect at the next start only|nothing was changed/);
    await hangUp(node, /rack: r1 -> r2/); // the lines of the first are all there now
    expect(node.log()).toMatch(/WARN .*no_such_key: unknown key/);
    expect(told + node.log()).toMatch(/INFO .*batch_size_fail_threshold_in_kb: 1024 -> 1\n/);
    expect(node.log()).not.toMatch(/range_request_timeout_in_ms: /); // the command line is above the file
    for (const answer of await askAll(BATCH)) expect(errorOf(answer).message).toMatch(/Batch too large.*at most 1024/);
    const shown = await first!.ask(
      encodeQuery(4, 1, "SELECT value FROM system.config WHERE name = 'batch_size_fail_threshold_in_kb'", ONE),
    );
    expect([...shown.body.slice(-5)]).toEqual([0, 0, 0, 1, '1'.charCodeAt(0)]);

    for (const bad of ['batch_size_fail_threshold_in_kb: many\n', 'a: [\n', 'rack: {a: 1}\n', '- 1\n']) {
      writeFileSync(file, `batch_size_warn_threshold_in_kb: 1\n${bad}`);
      expect(await hangUp(node, /SIGHUP.*/)).toMatch(/ERROR .*SIGHUP: config file .*; nothing was changed/);
    }
    rmSync(file);
    expect(await hangUp(node, /SIGHUP.*/)).toMatch(/ERROR .*SIGHUP: config file .*ENOENT; nothing was changed/);
    for (const answer of await askAll(BATCH)) expect(errorOf(answer).message).toMatch(/at most 1024/);
    for (const client of clients) client.socket.end();
  } finally {
    expect(await node.stop()).toBe(0);
  }
});
