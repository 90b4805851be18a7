import { expect, test } from 'vitest';
import type { ColumnId } from '../../core/ids.ts';
import { MutationList } from '../../core/mutation/mutation-list.ts';
import { ColumnKind } from '../../core/schema/column.ts';
import type { Schema } from '../../core/schema/keyspace.ts';
import type { TableDescriptor } from '../../core/schema/table.ts';
import { TableDescriptor as Descriptor } from '../../core/schema/table.ts';
import { counterType, intType } from '../../core/types/int.ts';
import { makeSchema } from '../../test/support/make-table.ts';
import { printMutation } from '../../test/support/print-mutation.ts';
import { boundValues, FixedContext } from '../../test/support/statement-values.ts';
import type { ModificationStatement } from '../language/ast.ts';
import { parseStatement } from '../language/parser.ts';
import { planModification } from './modify.ts';
import type { BoundValues, ModifyPlan } from './plan.ts';

const schema = makeSchema(`
  CREATE TABLE kv (k blob PRIMARY KEY, v blob);
  CREATE TABLE pair (a blob, b blob, c blob, v int, PRIMARY KEY ((a, b), c))`);
const tables = schema.keyspaces.get('ks')!.tables;
const planOf = (text: string, inUse: string | undefined = 'ks', of: Schema = schema): ModifyPlan =>
  planModification(parseStatement(text) as ModificationStatement, of, inUse) as ModifyPlan;

function bind(plan: ModifyPlan, values: BoundValues, list: MutationList = new MutationList()): MutationList {
  plan.bind(values, new FixedContext(), list);
  return list;
}

function print(table: TableDescriptor, list: MutationList): string[] {
  return Array.from({ length: list.count }, (_, i) =>
    printMutation(table, list.bytes, list.starts[i]!, list.ends[i]!).replaceAll('\n  ', '; '),
  );
}

test.each([
  ['a key of one column', 'INSERT INTO kv (k) VALUES (?)', [65_536], 65_536],
  ['a key of several', 'DELETE FROM pair WHERE a = ? AND b = 0x00', [65_536], 65_536],
  ['a key of several that fits only in parts', 'DELETE FROM pair WHERE a = ? AND b = ?', [40_000, 40_000], 80_003],
  ['a key by IN', 'DELETE FROM kv WHERE k IN (0x00, ?)', [70_000], 70_000],
  ['a clustering value', 'INSERT INTO pair (a, b, c) VALUES (0x00, 0x00, ?)', [65_536], 65_536],
  ['a clustering bound', 'DELETE FROM pair WHERE a = 0x00 AND b = 0x00 AND c > ?', [65_536], 65_536],
])('%s may not be longer than 65535 bytes', (_, text, sizes, length) => {
  const values = boundValues(sizes.map((size) => new Uint8Array(size)));
  expect(() => bind(planOf(text), values)).toThrow(`Key length of ${length} is longer than maximum of 65535`);
});

test('the longest key is written', () => {
  const list = bind(planOf('INSERT INTO kv (k, v) VALUES (?, 0x01)'), boundValues([new Uint8Array(65_535).fill(1)]));
  expect(print(tables.get('kv')!, list)).toEqual([`kv(0x${'01'.repeat(65_535)}); row() marker@0 v=0x01@0`]);
});

test('a refused request leaves no trace in the next', () => {
  const plan = planOf('UPDATE pair SET v = ? WHERE a = ? AND b = ? AND c = ?');
  const list = new MutationList();
  const key = Uint8Array.of(1);
  expect(() => bind(plan, boundValues([Uint8Array.of(1), key, key, key]), list)).toThrow('binding column v');
  expect(() => bind(plan, boundValues([null, key, undefined, key]), list)).toThrow('unset');
  list.clear();
  bind(plan, boundValues([Uint8Array.of(0, 0, 0, 7), key, key, key]), list);
  expect(print(tables.get('pair')!, list)).toEqual(['pair(0x01, 0x01); row(0x01) v=7@0']);
});

test('mutations go to the end of the list, the values may be used again', () => {
  const plan = planOf('INSERT INTO kv (k, v) VALUES (?, ?)');
  const list = new MutationList(16);
  for (let i = 0; i < 40; i++) {
    const values = boundValues([Uint8Array.of(i), new Uint8Array(i).fill(i)]);
    bind(plan, values, list);
    values.bytes.fill(0xee);
  }
  expect(print(tables.get('kv')!, list)).toEqual(
    Array.from({ length: 40 }, (_, i) => {
      const byte = i.toString(16).padStart(2, '0');
      return `kv(0x${byte}); row() marker@0 v=0x${byte.repeat(i)}@0`;
    }),
  );
});

test.each([
  ['DELETE FROM kv WHERE k = 0x00', undefined, 'No keyspace has been specified'],
  ['DELETE FROM kv WHERE k = 0x00', '', 'No keyspace has been specified'],
  ['DELETE FROM kv WHERE k = 0x00', 'gone', "Keyspace 'gone' does not exist"],
  ['DELETE FROM "__proto__" WHERE k = 0x00', 'ks', 'unconfigured table __proto__'],
  ['DELETE FROM kv WHERE "__proto__" = 0x00', 'ks', 'Unrecognized name __proto__'],
  ['UPDATE kv SET constructor = 0x00 WHERE k = 0x00', 'ks', 'Unknown identifier constructor'],
])('%s in keyspace %s is refused', (text, inUse, message) => {
  const plan = () => planModification(parseStatement(text) as ModificationStatement, schema, inUse);
  expect(plan).toThrow(message);
});

test('counter tables are refused by name', () => {
  const { definition } = tables.get('kv')!;
  const column = (name: string, kind: ColumnKind, id: number) => ({
    id: id as ColumnId,
    name,
    kind,
    position: 0,
    type: kind === ColumnKind.Regular ? counterType : intType,
    isReversed: false,
  });
  const table = new Descriptor({
    ...definition,
    columns: [column('k', ColumnKind.PartitionKey, 0), column('c', ColumnKind.Regular, 1)],
  });
  const keyspace = { ...schema.keyspaces.get('ks')!, tables: new Map([['kv', table]]) };
  const counters: Schema = { ...schema, keyspaces: new Map([['ks', keyspace]]) };
  expect(() => planOf('UPDATE kv SET c = c + 1 WHERE k = 1', 'ks', counters)).toThrow(
    'counter columns are not supported',
  );
  expect(() => planOf('DELETE FROM kv WHERE k = 1', 'ks', counters)).toThrow('counter columns are not supported');
  expect(() => planOf('INSERT INTO kv (k, c) VALUES (1, 1)', 'ks', counters)).toThrow(
    'INSERT statement are not allowed on counter tables, use UPDATE instead',
  );
});
