import { describe, expect, test } from 'vitest';
import type { TableId } from '../core/ids.ts';
import type { Schema } from '../core/schema/keyspace.ts';
import { keyspaceData, tableData, typeData } from '../core/schema/schema-codec.ts';
import { SimRandom } from '../test/sim/sim-random.ts';
import { GROUP0_HOST_ID, RandomSchema, testNode } from '../test/support/group0-arbitraries.ts';
import { applyCommand, EMPTY_GROUP0_STATE, type Group0State } from './group0.ts';
import { encodeImage, ImageEncoder } from './metadata-image.ts';
import { MetadataView } from './metadata-view.ts';

const seedText = process.env.TESSERA_SEED;
const seeds = seedText === undefined ? Array.from({ length: 10 }, (_, i) => i) : [Number(seedText)];

function plain(schema: Schema): unknown {
  return {
    version: schema.version,
    keyspaces: [...schema.keyspaces].map(([name, keyspace]) => [
      name,
      keyspaceData(keyspace),
      [...keyspace.types].map(([type, value]) => [type, typeData(value), value.className]).sort(),
      [...keyspace.tables].map(([table, value]) => [
        table,
        tableData(value.definition),
        typeNames(value.definition.columns),
      ]),
    ]),
  };
}

function typeNames(columns: readonly { readonly type: { readonly className: string } }[]): string[] {
  return columns.map((column) => column.type.className);
}

function expectView(view: MetadataView, state: Group0State, context: string): void {
  expect(plain(view.schema), context).toEqual(plain(state.schema));
  expect(view.nodes).toEqual(state.nodes);
  expect(view.topologyVersion).toBe(state.topologyVersion);
  const ids = [...state.schema.keyspaces.values()].flatMap((keyspace) =>
    [...keyspace.tables.values()].map(({ id }) => id),
  );
  expect([...view.tableIds()].sort()).toEqual([...ids].sort());
  for (const id of ids) {
    const map = state.tabletMaps.get(id)!;
    expect(view.tabletMap(id)).toEqual(map);
    expect(view.route(id)!.tabletCount).toBe(map.count);
    for (let tablet = 0; tablet < map.count; tablet++) {
      expect(view.route(id)!.shardOf(tablet)).toBe(map.shardOn(view.localHost, tablet));
    }
  }
}

describe('metadata images', () => {
  test.each(seeds)('show the state they were made of, and keep what did not change (seed %i)', (seed) => {
    const random = new SimRandom(seed);
    const schema = new RandomSchema(random);
    const encoder = new ImageEncoder();
    let state = EMPTY_GROUP0_STATE;
    let view: MetadataView | undefined;
    for (let step = 1; step <= 100; step++) {
      const command = schema.next(state);
      const before = state;
      state = applyCommand(state, command).state;
      const memory = encoder.encode(state, step);
      expect(Buffer.from(memory).equals(Buffer.from(encodeImage(state, step)))).toBe(true);
      const next = new MetadataView(memory, GROUP0_HOST_ID, view);
      expect(next.imageVersion).toBe(step);
      // Sometimes nothing is decoded before the next image comes.
      if (random.chance(0.7)) {
        expectView(next, state, command.description);
        if (view !== undefined) expectView(view, before, command.description);
      }
      if (view !== undefined) expectShared(view, next, before, state);
      view = next;
    }
    expectView(view!, state, 'end');
  });

  function expectShared(view: MetadataView, next: MetadataView, before: Group0State, after: Group0State): void {
    for (const [name, keyspace] of before.schema.keyspaces) {
      const later = after.schema.keyspaces.get(name);
      for (const table of keyspace.tables.values()) {
        if (later?.tables.get(table.name) !== table) continue;
        expect(next.table(table.id)).toBe(view.table(table.id));
        expect(next.route(table.id)!.version).toBe(view.route(table.id)!.version);
      }
    }
  }

  test('tell nothing of tables that are gone', () => {
    let state = EMPTY_GROUP0_STATE;
    const schema = new RandomSchema(new SimRandom(1));
    state = applyCommand(state, schema.command(state, [{ kind: 'node', node: testNode(2) }], 'node')).state;
    const view = new MetadataView(encodeImage(state, 1), GROUP0_HOST_ID);
    const nobody = '00000000-0000-4000-8000-000000000000' as TableId;
    expect([view.table(nobody), view.route(nobody), view.tabletMap(nobody), view.replication('ks')]).toEqual(
      Array(4).fill(undefined),
    );
    expect(view.localHost).toBe(0);
    expect(new MetadataView(encodeImage(state, 1), 'other' as typeof GROUP0_HOST_ID, view).localHost).toBe(-1);
  });

  test('are refused when they are none', () => {
    expect(() => new MetadataView(new SharedArrayBuffer(64), GROUP0_HOST_ID)).toThrow('an image is an image');
  });
});
