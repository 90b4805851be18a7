import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { InvalidRequestError } from '../../core/errors.ts';
import type { CompactionEntry } from '../../shards/store/compaction-history.ts';
import type { NodeControl } from '../node-control.ts';
import { adminRoutes } from './admin.ts';
import { compactionRoutes } from './compactions.ts';
import { healthRoutes } from './health.ts';
import { HttpServer } from './http-server.ts';
import { metricsRoutes } from './metrics.ts';

const DONE: CompactionEntry = {
  id: '6f0c2a51-8d0f-11f0-9f2c-0a6f6d2b8f11',
  shard: 1,
  keyspace: 'ks',
  table: 'a',
  kind: 'merge',
  startedMs: 1000,
  finishedMs: 2000,
  inputs: 4,
  outputs: 1,
  bytesIn: 100,
  bytesOut: 60,
};
const calls: string[] = [];
let reason: string | undefined;
const control: NodeControl = {
  version: '0.1.0',
  get notReadyBecause() {
    return reason;
  },
  isAlive: () => true,
  flush: async (keyspace, tables) => {
    if (keyspace === 'missing') throw new InvalidRequestError('no keyspace missing');
    calls.push(`flush ${keyspace ?? '*'} ${tables.join('+')}`);
  },
  compact: async (keyspace, tables) => {
    calls.push(`compact ${keyspace ?? '*'} ${tables.join('+')}`);
  },
  compactions: async () => ({
    running: [{ ...DONE, finishedMs: 0, doneBytes: 50, totalBytes: 100 }],
    pending: [
      { keyspace: 'ks', table: 'a', tasks: 2 },
      { keyspace: 'ks', table: 'a', tasks: 1 },
      { keyspace: 'ks', table: 'b', tasks: 1 },
    ],
    history: [DONE],
  }),
  tableNames: () => ['ks:a', 'ks:b', 'other:c'],
  metrics: () => 'tessera_up 1\n',
};

let server: HttpServer;
beforeEach(async () => {
  calls.length = 0;
  reason = undefined;
  server = await HttpServer.open('127.0.0.1', 0, control, [healthRoutes, metricsRoutes, compactionRoutes, adminRoutes]);
});
afterEach(() => server.close());

const ask = async (method: string, path: string) => {
  const response = await fetch(`http://127.0.0.1:${server.port}${path}`, { method });
  return { status: response.status, text: await response.text() };
};

describe('routes', () => {
  test.each<[string, string, number, string]>([
    ['GET', '/health/live', 200, '{"status":"live"}'],
    ['GET', '/health/ready', 200, '{"status":"ready"}'],
    ['GET', '/metrics', 200, 'tessera_up 1\n'],
    ['GET', '/column_family/name/keyspace', 200, '["ks","other"]'],
    ['GET', '/column_family/name', 200, '["ks:a","ks:b","other:c"]'],
    ['POST', '/storage_service/flush', 200, 'null'],
    [
      'GET',
      '/compaction_manager/compactions',
      200,
      `[{"id":"${DONE.id}","shard":1,"ks":"ks","cf":"a","task_type":"COMPACTION","completed":50,"total":100,"unit":"bytes"}]`,
    ],
    [
      'GET',
      '/compaction_manager/compaction_history',
      200,
      `[{"id":"${DONE.id}","shard_id":1,"ks":"ks","cf":"a","compaction_type":"merge","started_at":1000,"compacted_at":2000,"bytes_in":100,"bytes_out":60,"rows_merged":[]}]`,
    ],
    ['GET', '/compaction_manager/metrics/pending_tasks', 200, '4'],
    [
      'GET',
      '/compaction_manager/metrics/pending_tasks_by_table',
      200,
      '[{"ks":"ks","cf":"a","task":3},{"ks":"ks","cf":"b","task":1}]',
    ],
    [
      'GET',
      '/compaction_manager/nothing',
      404,
      '{"message":"GET /compaction_manager/nothing is not served","code":404}',
    ],
    ['GET', '/nothing', 404, '{"message":"GET /nothing is not served","code":404}'],
    ['GET', '/%ff', 400, '{"message":"the path is not properly encoded","code":400}'],
    ['POST', '/storage_service/keyspace_flush/%ff', 400, '{"message":"the path is not properly encoded","code":400}'],
    ['POST', '/storage_service/keyspace_flush/missing', 400, '{"message":"no keyspace missing","code":400}'],
    ['DELETE', '/storage_service/flush', 404, '{"message":"DELETE /storage_service/flush is not served","code":404}'],
  ])('%s %s', async (method, path, status, text) => {
    expect(await ask(method, path)).toEqual({ status, text });
  });

  test('flush and compaction go to the node', async () => {
    await ask('POST', '/storage_service/keyspace_flush/ks?cf=a,b');
    await ask('POST', '/storage_service/keyspace_compaction/ks');
    expect(calls).toEqual(['flush ks a+b', 'compact ks ']);
  });

  test('a node that does not serve says why', async () => {
    reason = 'draining';
    expect(await ask('GET', '/health/ready')).toEqual({ status: 503, text: '{"message":"draining","code":503}' });
  });
});
