import { describe, expect, test } from 'vitest';
import { UnsupportedFormatError } from '../core/errors.ts';
import type { Schema } from '../core/schema/keyspace.ts';
import { SimRandom } from '../test/sim/sim-random.ts';
import { RandomSchema, testNode } from '../test/support/group0-arbitraries.ts';
import { decodePlain, encodePlain } from './codec.ts';
import { applyCommand, EMPTY_GROUP0_STATE, type Group0State } from './group0.ts';
import { decodeCommand, decodeState, encodeCommand, encodeState } from './group0-codec.ts';

const seedText = process.env.TESSERA_SEED;
const seeds = seedText === undefined ? Array.from({ length: 12 }, (_, i) => i) : [Number(seedText)];

const apply = (state: Group0State, bytes: Uint8Array) =>
  applyCommand(state, decodeCommand(bytes, 0, bytes.length, 'test'));

/** Objects of the schema that are the same in both states. */
function sharedTables(before: Schema, after: Schema): number {
  let shared = 0;
  for (const [name, keyspace] of before.keyspaces) {
    for (const [table, descriptor] of keyspace.tables) {
      if (after.keyspaces.get(name)?.tables.get(table) === descriptor) shared++;
    }
  }
  return shared;
}

describe('group 0', () => {
  test.each(seeds)('applies the same commands to the same state everywhere (seed %i)', (seed) => {
    const schema = new RandomSchema(new SimRandom(seed));
    let creator = EMPTY_GROUP0_STATE;
    let follower = EMPTY_GROUP0_STATE;
    for (let step = 0; step < 120; step++) {
      const command = schema.next(creator);
      const bytes = encodeCommand(command);
      const before = creator;
      creator = applyCommand(creator, command).state;
      const followed = apply(follower, bytes);
      expect(followed.outcome).toBe('applied');
      follower = followed.state;
      // A snapshot in between changes nothing.
      if (step % 7 === 0) {
        const snapshot = encodeState(follower);
        follower = decodeState(snapshot, 0, snapshot.length, 'test');
      }
      expect(Buffer.from(encodeState(follower)).equals(encodeState(creator)), command.description).toBe(true);
      const tables = [...before.schema.keyspaces.values()].reduce((sum, keyspace) => sum + keyspace.tables.size, 0);
      if (/^ALTER (TABLE|KEYSPACE)/.test(command.description)) {
        expect(sharedTables(before.schema, creator.schema)).toBeGreaterThanOrEqual(tables - 1);
      }
    }
  });

  test('refuses a command made for another state, and takes none twice', () => {
    const schema = new RandomSchema(new SimRandom(7));
    const first = schema.next(EMPTY_GROUP0_STATE);
    const rival = schema.next(EMPTY_GROUP0_STATE);
    const { state } = applyCommand(EMPTY_GROUP0_STATE, first);
    expect(applyCommand(state, rival)).toEqual({ state, outcome: 'conflict' });
    expect(applyCommand(state, first)).toEqual({ state, outcome: 'applied' });
    expect(applyCommand(state, { ...rival, previousStateId: undefined }).outcome).toBe('applied');
    const later = applyCommand(state, schema.next(state)).state;
    expect(applyCommand(later, first).state).toBe(later);
  });

  test('gives rising state ids', () => {
    const schema = new RandomSchema(new SimRandom(3));
    let state = EMPTY_GROUP0_STATE;
    const ids: string[] = [];
    for (let i = 0; i < 20; i++) {
      state = applyCommand(state, schema.next(state)).state;
      ids.push(`${state.stateId.slice(14, 18)}${state.stateId.slice(9, 13)}${state.stateId.slice(0, 8)}`);
    }
    expect([...ids].sort()).toEqual(ids);
    expect(new Set(ids).size).toBe(ids.length);
  });

  test('keeps the place of a node that registers again', () => {
    const schema = new RandomSchema(new SimRandom(3));
    let state = EMPTY_GROUP0_STATE;
    const other = '11111111-1111-4111-8111-111111111111';
    for (const node of [testNode(2), testNode(4, other), testNode(8)]) {
      state = applyCommand(state, schema.command(state, [{ kind: 'node', node }], 'node')).state;
    }
    expect(state.nodes.map((node) => node.shardCount)).toEqual([8, 4]);
    expect(state.topologyVersion).toBe(3);
  });

  test('refuses what a newer version wrote, and what is no command', () => {
    const newer = encodePlain({ format: 2, changes: [] });
    expect(() => decodeCommand(newer, 0, newer.length, 'log')).toThrow(UnsupportedFormatError);
    expect(() => decodeState(newer, 0, newer.length, 'log')).toThrow(
      'a newer version wrote this group 0 state, of format 2',
    );
    const unknown = encodePlain({ format: 1, changes: [{ kind: 'surprise' }] });
    expect(() => decodeCommand(unknown, 0, unknown.length, 'log')).toThrow("unknown change of group 0 'surprise'");
    for (const value of [null, 5, [], 'x', {}]) {
      const bytes = encodePlain(value);
      expect(() => decodeCommand(bytes, 0, bytes.length, 'log')).toThrow('no group 0 command');
    }
  });
});

describe('plain data', () => {
  test('comes back as it was', () => {
    const value = {
      text: 'é\u{1f600}',
      numbers: [0, -1, 127, 128, 65_536, 2 ** 31, 2 ** 32 + 1, Number.MAX_SAFE_INTEGER, -(2 ** 40), 0.01, 1.5e-7],
      flags: [true, false, null],
      bytes: new Uint8Array([1, 2, 3]),
      pairs: [['__proto__', 'x']],
    };
    const bytes = encodePlain(value);
    const read = decodePlain(bytes, 0, bytes.length) as typeof value;
    expect({ ...read, bytes: new Uint8Array(read.bytes) }).toEqual(value);
  });

  test('is refused when it is cut', () => {
    const bytes = encodePlain({ a: [1, 2, 'three'], b: new Uint8Array(20) });
    for (let end = 0; end < bytes.length; end++) expect(() => decodePlain(bytes, 0, end)).toThrow('not encoded data');
  });
});
