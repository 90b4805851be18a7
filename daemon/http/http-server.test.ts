import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { InvalidRequestError } from '../../core/errors.ts';
import type { NodeControl } from '../node-control.ts';
import { adminRoutes } from './admin.ts';
import { healthRoutes } from './health.ts';
import { HttpServer } from './http-server.ts';
import { metricsRoutes } from './metrics.ts';

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
  tableNames: () => ['ks:a', 'ks:b', 'other:c'],
  metrics: () => 'tessera_up 1\n',
};

let server: HttpServer;
beforeEach(async () => {
  calls.length = 0;
  reason = undefined;
  server = await HttpServer.open('127.0.0.1', 0, control, [healthRoutes, metricsRoutes, adminRoutes]);
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
