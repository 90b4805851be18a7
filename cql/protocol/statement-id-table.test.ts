import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { type CqlType, TypeKind } from '../../core/types/cql-type.ts';
import { resultMetadataId, statementId } from './statement-id.ts';
import { NOT_FOUND, StatementIdTable } from './statement-id-table.ts';

const md5 = (bytes: Uint8Array): Uint8Array => createHash('md5').update(bytes).digest();
const sha256 = (bytes: Uint8Array): Uint8Array => createHash('sha256').update(bytes).digest();

test('behaves as a Map, whatever the ids', () => {
  // Ids of few distinct words, so that probes collide and clusters wrap around the end.
  const id = fc.array(fc.constantFrom(0, 1, 2, 255), { minLength: 4, maxLength: 4 }).map((words) => {
    const bytes = new Uint8Array(16);
    for (let i = 0; i < 4; i++) bytes[4 * i + 3] = words[i]!;
    return bytes;
  });
  const command = fc.tuple(fc.constantFrom('set', 'delete', 'find'), id, fc.nat());
  fc.assert(
    fc.property(fc.array(command, { maxLength: 400, size: 'max' }), fc.integer(), (commands, seed) => {
      const table = new StatementIdTable(seed);
      const model = new Map<string, number>();
      for (const [name, bytes, value] of commands) {
        const key = Buffer.from(bytes).toString('hex');
        if (name === 'set') {
          table.set(bytes, 0, 16, value);
          model.set(key, value);
        } else if (name === 'delete') {
          expect(table.delete(bytes, 0, 16)).toBe(model.get(key) ?? NOT_FOUND);
          model.delete(key);
        } else {
          expect(table.find(bytes, 0, 16)).toBe(model.get(key) ?? NOT_FOUND);
        }
        expect(table.size).toBe(model.size);
      }
      for (const [key, value] of model) expect(table.find(Buffer.from(key, 'hex'), 0, 16)).toBe(value);
    }),
  );
});

test('ten thousand ids in and half of them out', () => {
  const table = new StatementIdTable(12345);
  const ids = Array.from({ length: 10_000 }, (_, i) => md5(new TextEncoder().encode(String(i))));
  for (const [i, id] of ids.entries()) table.set(id, 0, 16, i);
  for (const [i, id] of ids.entries()) if (i % 2 === 0) expect(table.delete(id, 0, 16)).toBe(i);
  for (const [i, id] of ids.entries()) expect(table.find(id, 0, 16)).toBe(i % 2 === 0 ? NOT_FOUND : i);
  expect(table.size).toBe(5000);
});

test('an id of another length is not found', () => {
  const table = new StatementIdTable();
  const bytes = new Uint8Array(40);
  table.set(bytes, 0, 16, 1);
  for (const length of [0, 1, 15, 17, 32]) {
    expect(table.find(bytes, 0, length)).toBe(NOT_FOUND);
    expect(table.delete(bytes, 0, length)).toBe(NOT_FOUND);
  }
  expect(table.find(bytes, 3, 19)).toBe(1);
});

test('a statement id is MD5 of keyspace and text', () => {
  expect(Buffer.from(statementId('ks', 'SELECT 1', md5)).toString('hex')).toBe(
    createHash('md5').update('ksSELECT 1').digest('hex'),
  );
});

test('a metadata id depends on names and types, and on where one ends and the next begins', () => {
  const type = (cqlName: string): CqlType => ({
    kind: TypeKind.Text,
    cqlName,
    className: '',
    fixedLength: -1,
    isMultiCell: false,
    parameters: [],
    compare: () => 0,
    prefix: () => 0,
    validate: () => undefined,
    toText: () => '',
    fromText: () => new Uint8Array(0),
  });
  const id = (...columns: [string, string][]) =>
    Buffer.from(
      resultMetadataId(
        columns.map(([name, t]) => ({ keyspace: 'k', table: 't', name, type: type(t) })),
        sha256,
      ),
    ).toString('hex');
  const ids = [
    id(['a', 'int']),
    id(['a', 'text']),
    id(['b', 'int']),
    id(['a', 'int'], ['b', 'int']),
    id(['b', 'int'], ['a', 'int']),
    id(),
  ];
  expect(new Set(ids).size).toBe(ids.length);
  expect(ids[0]).toHaveLength(32);
  expect(id(['a', 'int'])).toBe(ids[0]);
});
