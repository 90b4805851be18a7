import { expect, test } from 'vitest';
import { parseCqlType } from '../../core/types/parse-cql-type.ts';
import { cassandraText } from './cassandra-text.ts';

// What sstabledump of Cassandra 4 shows as keys and paths.
test.each<[type: string, value: string, expected: string]>([
  ['text', 'a:b@c', 'a:b@c'],
  ['int', '-5', '-5'],
  ['timestamp', '2026-11-21T02:00:00.123Z', '2026-11-21T02:00:00.123Z'],
  ['inet', '::', '0:0:0:0:0:0:0:0'],
  ['inet', '2001:db8::1', '2001:db8:0:0:0:0:0:1'],
  ['inet', '::ffff:10.0.0.1', '10.0.0.1'],
  ['inet', '127.0.0.1', '127.0.0.1'],
  ['double', '-1.5e300', '-1.5E300'],
  ['double', '0', '0.0'],
  ['double', '-0.0', '-0.0'],
  ['double', '100', '100.0'],
  ['double', '9999999', '9999999.0'],
  ['double', '10000000', '1.0E7'],
  ['double', '123456789.5', '1.234567895E8'],
  ['double', '0.001', '0.001'],
  ['double', '0.00012', '1.2E-4'],
  ['double', '1e-7', '1.0E-7'],
  ['double', 'NaN', 'NaN'],
  ['float', '-3.4e38', '-3.4E38'],
  ['float', '0.1', '0.1'],
  ['frozen<map<text, int>>', "{'a': 1}", '0000000100000001610000000400000001'],
  ['frozen<tuple<int, int>>', '(1, 2)', '1:2'],
  ['frozen<tuple<int, text, int>>', "(null, 'a:b@c', null)", '@:a\\:b\\@c:@'],
  ['vector<int, 2>', '[1, 2]', '0000000100000002'],
])('%s %s', (name, value, expected) => {
  const type = parseCqlType(name, () => undefined);
  const bytes = type.fromText(value);
  expect(cassandraText(type, bytes, 0, bytes.length, 4)).toBe(expected);
});

test('points in time have no seconds before Cassandra 4', () => {
  const type = parseCqlType('timestamp', () => undefined);
  const bytes = type.fromText('2026-11-21T02:00:59.123Z');
  expect(cassandraText(type, bytes, 0, bytes.length, 3)).toBe('2026-11-21 02:00Z');
});
