import { describe, expect, test } from 'vitest';
import type { Replication } from '../../core/schema/keyspace.ts';
import { Consistency } from '../../cql/protocol/consistency.ts';
import { assureReplicas, blockFor, type LiveNodes } from './replica-count.ts';

const LOCATOR = 'org.apache.cassandra.locator';
const oneNode: LiveNodes = { localDataCenter: 'dc1', perDataCenter: new Map([['dc1', 1]]) };
const twoCentres: LiveNodes = {
  localDataCenter: 'dc1',
  perDataCenter: new Map([
    ['dc1', 3],
    ['dc2', 3],
  ]),
};
const network = (factors: Record<string, number>): Replication => ({
  class: `${LOCATOR}.NetworkTopologyStrategy`,
  ...Object.fromEntries(Object.entries(factors).map(([name, factor]) => [name, String(factor)])),
});
const simple = (factor: number): Replication => ({
  class: `${LOCATOR}.SimpleStrategy`,
  replication_factor: String(factor),
});

describe('replicas that a level waits for', () => {
  const both = network({ dc1: 3, dc2: 5 });
  test.each<[string, Consistency, boolean, Replication, number]>([
    ['ANY', Consistency.Any, true, both, 1],
    ['ONE', Consistency.One, false, both, 1],
    ['TWO', Consistency.Two, false, both, 2],
    ['THREE', Consistency.Three, true, both, 3],
    ['QUORUM over all centres', Consistency.Quorum, true, both, 5],
    ['LOCAL_QUORUM', Consistency.LocalQuorum, true, both, 2],
    ['EACH_QUORUM', Consistency.EachQuorum, true, both, 5],
    ['ALL', Consistency.All, false, both, 8],
    ['LOCAL_ONE', Consistency.LocalOne, false, both, 1],
    ['SERIAL', Consistency.Serial, false, both, 5],
    ['LOCAL_SERIAL', Consistency.LocalSerial, false, both, 2],
    ['QUORUM, simple strategy', Consistency.Quorum, true, simple(1), 1],
  ])('%s', (_name, level, isWrite, replication, expected) => {
    expect(blockFor(level, isWrite, replication, twoCentres)).toBe(expected);
  });

  test.each<[string, Consistency, boolean, RegExp]>([
    ['a read at ANY', Consistency.Any, false, /only supported for writes/],
    ['a read at EACH_QUORUM', Consistency.EachQuorum, false, /only supported for writes/],
    ['a plain write at SERIAL', Consistency.Serial, true, /SERIAL/],
  ])('%s is invalid', (_name, level, isWrite, expected) => {
    expect(() => blockFor(level, isWrite, both, twoCentres)).toThrow(expected);
  });
});

describe('too few live replicas', () => {
  test('one node serves every level of one replica', () => {
    for (const level of [Consistency.One, Consistency.Quorum, Consistency.LocalQuorum, Consistency.All]) {
      assureReplicas(level, true, network({ dc1: 1 }), oneNode);
    }
  });

  test('three replicas on one node: ONE is served, QUORUM says how many are missing', () => {
    assureReplicas(Consistency.One, true, network({ dc1: 3 }), oneNode);
    expect(() => assureReplicas(Consistency.Quorum, true, network({ dc1: 3 }), oneNode)).toThrow(
      expect.objectContaining({
        code: 'UNAVAILABLE',
        detail: { consistency: Consistency.Quorum, required: 2, alive: 1 },
      }),
    );
  });

  test('a local level counts the local centre only', () => {
    expect(() => assureReplicas(Consistency.LocalOne, false, network({ dc2: 3 }), twoCentres)).toThrow(/alive 0/);
  });
});
