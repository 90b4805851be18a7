import { expect, test } from 'vitest';
import { InvalidRequestError, NotSupportedYetError } from '../../../core/errors.ts';
import type { CqlType } from '../../../core/types/cql-type.ts';
import { NATIVE_TYPES, nativeType } from '../../../core/types/native-types.ts';
import { makeTable } from '../../../test/support/make-table.ts';
import { FixedContext } from '../../../test/support/statement-values.ts';
import { Fit, fitOfTypes } from '../fit.ts';
import { type Argument, isScalarFunction, resolveFunction } from './registry.ts';

const context = new FixedContext();
const table = makeTable('CREATE TABLE t (a int, b text, v int, PRIMARY KEY ((a, b)))');
const typed = (type: CqlType): Argument => ({ fit: (parameter) => fitOfTypes(type, parameter) });
const anything: Argument = { fit: () => Fit.Weak };

function call(name: string, ...args: readonly (readonly [string, string])[]): string {
  const called = resolveFunction(
    undefined,
    name,
    args.map(([type]) => typed(nativeType(type)!)),
    table,
  );
  const values = args.map(([type, text]) => (text === 'null' ? undefined : nativeType(type)!.fromText(text)));
  const value = called.call(values, context);
  return value === undefined ? 'null' : called.returnType.toText(value, 0, value.length);
}

const ID = '50554d6e-29bb-11e5-b345-feff819cdc9f';

test.each([
  ['todate', 'timeuuid', ID, '2015-07-14'],
  ['to_date', 'timestamp', '-1', '1969-12-31'],
  ['totimestamp', 'timeuuid', ID, '2015-07-14T00:00:18.805Z'],
  ['totimestamp', 'date', '2011-02-03', '2011-02-03T00:00:00.000Z'],
  ['tounixtimestamp', 'timeuuid', ID, '1436832018805'],
  ['tounixtimestamp', 'timestamp', '-7', '-7'],
  ['to_unix_timestamp', 'date', '1970-01-02', '86400000'],
  ['dateof', 'timeuuid', ID, '2015-07-14T00:00:18.805Z'],
  ['unixtimestampof', 'timeuuid', ID, '1436832018805'],
  ['mintimeuuid', 'timestamp', '0', '13814000-1dd2-11b2-8080-808080808080'],
  ['maxtimeuuid', 'timestamp', '0', '1381670f-1dd2-11b2-7f7f-7f7f7f7f7f7f'],
  ['intasblob', 'int', '5', '00000005'],
  ['varcharasblob', 'text', 'x', '78'],
  ['blobasint', 'blob', '00000005', '5'],
  ['blobasint', 'blob', '', ''],
  ['blob_as_text', 'blob', '78', 'x'],
  ['todate', 'timeuuid', 'null', 'null'],
  ['todate', 'timestamp', '', 'null'],
  ['blobasint', 'blob', 'null', 'null'],
  ['intasblob', 'int', 'null', 'null'],
])('%s(%s %s) is %s', (name, type, text, expected) => {
  expect(call(name, [type, text])).toBe(expected);
});

test('token is the partition key hash', () => {
  expect(call('token', ['int', '1'], ['text', 'a'])).toBe('6516349416904725244');
  expect(call('token', ['int', 'null'], ['text', 'a'])).toBe('null');
});

test('now is later at each call, uuid has version 4', () => {
  const ids = [call('now'), call('now'), call('current_timeuuid')];
  const type = nativeType('timeuuid')!;
  const bytes = ids.map((id) => type.fromText(id));
  for (const [a, b] of [
    [bytes[0]!, bytes[1]!],
    [bytes[1]!, bytes[2]!],
  ] as const) {
    expect(type.compare(a, 0, 16, b, 0, 16)).toBeLessThan(0);
  }
  expect(call('uuid')).toBe('abababab-abab-4bab-abab-abababababab');
});

test('the current time is that of the execution', () => {
  expect(call('currenttimestamp')).toBe('2023-11-14T22:13:20.000Z');
  expect(call('current_date')).toBe('2023-11-14');
  expect(call('currenttime')).toBe('22:13:20.000000000');
});

test('an exact overload wins over those that would fit too', () => {
  expect(resolveFunction(undefined, 'todate', [typed(nativeType('timestamp')!)], table).argumentTypes).toEqual([
    nativeType('timestamp'),
  ]);
  expect(resolveFunction('system', 'blobasint', [anything], table).returnType).toBe(nativeType('int'));
  // A bigint fits a timestamp, and nothing else that toDate takes.
  expect(resolveFunction(undefined, 'todate', [typed(nativeType('bigint')!)], table).returnType).toBe(
    nativeType('date'),
  );
});

test.each([
  ['todate', [anything], InvalidRequestError, /^Ambiguous call to function todate/],
  ['todate', [typed(nativeType('text')!)], InvalidRequestError, /none of its type signatures match/],
  ['todate', [], InvalidRequestError, /none of its type signatures match/],
  ['token', [anything], InvalidRequestError, /none of its type signatures match/],
  ['counterasblob', [anything], InvalidRequestError, /^Unknown function counterasblob called/],
  ['sum', [anything], InvalidRequestError, /^Unknown function sum called/],
  ['tojson', [anything], NotSupportedYetError, /tojson/],
  ['__proto__', [anything], InvalidRequestError, /^Unknown function __proto__ called/],
])('%s is refused', (name, args, error, message) => {
  const resolve = () => resolveFunction(undefined, name, args, table);
  expect(resolve).toThrow(error);
  expect(resolve).toThrow(message);
});

test('functions of other keyspaces are not there', () => {
  expect(isScalarFunction('ks', 'now')).toBe(false);
  expect(isScalarFunction('system', 'now')).toBe(true);
  expect(() => resolveFunction('ks', 'now', [], table)).toThrow('Unknown function ks.now called');
});

test('every native type but blob and counter goes to blob and back', () => {
  const examples = new Map([
    ['boolean', 'true'],
    ['date', '2011-02-03'],
    ['duration', '1h'],
    ['inet', '127.0.0.1'],
    ['time', '01:02:03'],
    ['timeuuid', ID],
    ['uuid', ID],
  ]);
  for (const type of NATIVE_TYPES) {
    if (type.cqlName === 'blob' || type.cqlName === 'counter') continue;
    const text = examples.get(type.cqlName) ?? '5';
    const blob = call(`${type.cqlName}asblob`, [type.cqlName, text]);
    const value = type.fromText(text);
    expect(blob).toBe(Buffer.from(value).toString('hex'));
    expect(call(`blobas${type.cqlName}`, ['blob', blob])).toBe(type.toText(value, 0, value.length));
  }
});
