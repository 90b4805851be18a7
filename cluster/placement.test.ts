import { describe, expect, test } from 'vitest';
import type { TableId } from '../core/ids.ts';
import type { KeyspaceDescriptor } from '../core/schema/keyspace.ts';
import { tabletOfToken } from '../core/token.ts';
import { testNode } from '../test/support/group0-arbitraries.ts';
import type { NodeRecord } from './node-record.ts';
import { placeTable, reshardHost } from './placement.ts';

const TABLE = '0000000d-0000-4000-8000-000000000001' as TableId;
const PREFIX = 'org.apache.cassandra.locator.';

function keyspace(replication: Record<string, string>, initial?: string): KeyspaceDescriptor {
  return {
    name: 'ks',
    replication: { ...replication, class: `${PREFIX}${replication.class}` },
    durableWrites: true,
    consistency: 'eventual',
    tablets: initial === undefined ? {} : { initial },
    tables: new Map(),
    types: new Map(),
  };
}

const network = (factor: number, initial?: string) =>
  keyspace({ class: 'NetworkTopologyStrategy', datacenter1: String(factor) }, initial);

/** One node for each number of shards; racks in turn. */
function nodes(shardCounts: readonly number[], rackCount = 1): NodeRecord[] {
  return shardCounts.map((shards, i) =>
    testNode(shards, `0000000${i}-0000-4000-8000-000000000000`, `rack${i % rackCount}`),
  );
}

describe('placement', () => {
  test.each([
    { shards: [1], factor: 1, count: 1, replicas: 1 },
    { shards: [2], factor: 1, count: 2, replicas: 1 },
    { shards: [3], factor: 3, count: 4, replicas: 1 },
    { shards: [8], factor: 1, count: 8, replicas: 1 },
    { shards: [2, 2, 2], factor: 3, count: 2, replicas: 3 },
    { shards: [2, 2, 2], factor: 1, count: 8, replicas: 1 },
    { shards: [4, 2, 2, 8], factor: 2, count: 8, replicas: 2 },
  ])('gives $shards shards at RF $factor $count tablets of $replicas', ({ shards, factor, count, replicas }) => {
    const all = nodes(shards);
    const map = placeTable(TABLE, network(factor), all, 5);
    expect([map.count, map.replicaCount, map.version]).toEqual([count, replicas, 5]);
    const perShard = new Map<string, number>();
    for (let tablet = 0; tablet < map.count; tablet++) {
      const hosts = map.hosts.slice(tablet * replicas, (tablet + 1) * replicas);
      expect(new Set(hosts).size).toBe(replicas);
      for (const host of hosts) {
        const shard = map.shardOn(host, tablet);
        expect(shard).toBeLessThan(all[host]!.shardCount);
        perShard.set(`${host}/${shard}`, (perShard.get(`${host}/${shard}`) ?? 0) + 1);
      }
    }
    // Within one host the shards differ by at most one tablet.
    for (const host of all.keys()) {
      const counts = [...perShard].filter(([key]) => key.startsWith(`${host}/`)).map(([, n]) => n);
      expect(Math.max(...counts) - Math.min(...counts)).toBeLessThanOrEqual(1);
    }
  });

  test('honours the initial count, up to what the shards can bear', () => {
    expect(placeTable(TABLE, network(1, '9'), nodes([2]), 1).count).toBe(16);
    expect(placeTable(TABLE, network(1, '1'), nodes([2]), 1).count).toBe(2);
    expect(placeTable(TABLE, network(1, '999999999'), nodes([2]), 1).count).toBe(256);
  });

  test('puts the replicas of a tablet into different racks', () => {
    const all = nodes([1, 1, 1, 1, 1, 1], 3);
    const map = placeTable(TABLE, network(3), all, 1);
    for (let tablet = 0; tablet < map.count; tablet++) {
      const racks = [...map.hosts.slice(tablet * 3, tablet * 3 + 3)].map((host) => all[host]!.rack);
      expect(new Set(racks).size).toBe(3);
    }
  });

  test('knows all strategies', () => {
    const all = nodes([2, 2, 2]);
    expect(placeTable(TABLE, keyspace({ class: 'EverywhereStrategy' }), all, 1).replicaCount).toBe(3);
    const simple = keyspace({ class: 'SimpleStrategy', replication_factor: '2' });
    expect(placeTable(TABLE, simple, all, 1).replicaCount).toBe(2);
  });

  test('finds the shard of a token', () => {
    const map = placeTable(TABLE, network(1), nodes([3]), 1).onHost(0);
    expect([...Array(4).keys()].map((tablet) => map.shardOf(tablet))).toEqual([1, 2, 0, 1]); // 0x0d % 3 is first
    for (const hi of [-0x8000_0000, -0x4000_0000, -1, 0, 0x3fff_ffff, 0x7fff_ffff]) {
      expect(map.shardOfToken(hi)).toBe(map.shardOf(tabletOfToken(hi, 4)));
    }
    expect(
      placeTable(TABLE, network(1), nodes([3]), 1)
        .onHost(1)
        .shardOf(0),
    ).toBe(-1);
  });

  test('moves replicas off shards that are gone, and no others', () => {
    const map = placeTable(TABLE, network(1), nodes([4]), 1);
    const before = [...map.shards];
    expect(before).toEqual([1, 2, 3, 0]);
    expect([...reshardHost(map, 0, 2, 9)!.shards]).toEqual([1, 0, 1, 0]);
    expect(reshardHost(map, 0, 2, 9)!.version).toBe(9);
    expect(reshardHost(map, 0, 8, 9)).toBeUndefined();
    expect(reshardHost(map, 1, 1, 9)).toBeUndefined();
  });
});
