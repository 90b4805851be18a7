import { describe, expect, test } from 'vitest';
import type { CqlType } from './cql-type.ts';
import { nativeType } from './native-types.ts';

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');
const unhex = (text: string): Uint8Array => new Uint8Array(Buffer.from(text.replaceAll(' ', ''), 'hex'));

/** type, text, bytes: text -> bytes and bytes -> text. */
const BOTH_WAYS: readonly (readonly [string, string, string])[] = [
  ['ascii', 'abc\0', '61626300'],
  ['text', 'é€😀', 'c3a9e282acf09f9880'],
  ['text', '', ''],
  ['blob', '00ff', '00ff'],
  ['tinyint', '-128', '80'],
  ['tinyint', '127', '7f'],
  ['smallint', '-32768', '8000'],
  ['smallint', '258', '0102'],
  ['int', '-1', 'ffffffff'],
  ['int', '2147483647', '7fffffff'],
  ['bigint', '-9223372036854775808', '8000000000000000'],
  ['bigint', '9223372036854775807', '7fffffffffffffff'],
  ['counter', '9007199254740993', '0020000000000001'],
  ['varint', '0', '00'],
  ['varint', '127', '7f'],
  ['varint', '128', '0080'],
  ['varint', '-1', 'ff'],
  ['varint', '-128', '80'],
  ['varint', '-129', 'ff7f'],
  ['varint', '9223372036854775808', '008000000000000000'],
  ['varint', '-256', 'ff00'],
  ['decimal', '-12345.6789', '00000004f8a432eb'],
  ['decimal', '1E+3', 'fffffffd01'],
  ['decimal', '1.0', '000000010a'],
  ['decimal', '1.00', '0000000264'],
  ['decimal', '0.00', '0000000200'],
  ['decimal', '0E+3', 'fffffffd00'],
  ['decimal', '0.000001', '0000000601'],
  ['decimal', '1E-7', '0000000701'],
  ['decimal', '-1.23E-8', '0000000a85'],
  ['decimal', '1.2E+4', 'fffffffd0c'],
  ['float', '1', '3f800000'],
  ['float', '0.1', '3dcccccd'],
  ['float', '16777216', '4b800000'],
  ['float', '3.4028235e+38', '7f7fffff'],
  ['float', '1e-45', '00000001'],
  ['float', 'NaN', '7fc00000'],
  ['float', '-Infinity', 'ff800000'],
  ['float', '-0', '80000000'],
  ['double', '0.1', '3fb999999999999a'],
  ['double', '-0', '8000000000000000'],
  ['double', 'NaN', '7ff8000000000000'],
  ['double', 'Infinity', '7ff0000000000000'],
  ['double', '5e-324', '0000000000000001'],
  ['double', '1.7976931348623157e+308', '7fefffffffffffff'],
  ['boolean', 'true', '01'],
  ['boolean', 'false', '00'],
  ['uuid', '123e4567-e89b-42d3-a456-426614174000', '123e4567e89b42d3a456426614174000'],
  ['timeuuid', '123e4567-e89b-12d3-a456-426614174000', '123e4567e89b12d3a456426614174000'],
  ['inet', '127.0.0.1', '7f000001'],
  ['inet', '::', '00000000000000000000000000000000'],
  ['inet', '::1', '00000000000000000000000000000001'],
  ['inet', '2001:db8::1:0:0:1', '20010db8000000000001000000000001'],
  ['inet', '2001:db8:0:1:1:1:1:1', '20010db8000000010001000100010001'],
  ['inet', 'fe80::', 'fe800000000000000000000000000000'],
  ['inet', '::ffff:1.2.3.4', '00000000000000000000ffff01020304'],
  ['timestamp', '2011-02-03T04:05:06.789Z', '0000012de9b1e865'],
  ['timestamp', '1970-01-01T00:00:00.000Z', '0000000000000000'],
  ['timestamp', '1969-12-31T23:59:59.999Z', 'ffffffffffffffff'],
  ['timestamp', '292278994-08-17T07:12:55.807Z', '7fffffffffffffff'],
  ['timestamp', '-292275055-05-16T16:47:04.192Z', '8000000000000000'],
  ['date', '1970-01-01', '80000000'],
  ['date', '1969-12-31', '7fffffff'],
  ['date', '2000-02-29', '80002b08'],
  ['date', '-5877641-06-23', '00000000'],
  ['date', '5881580-07-11', 'ffffffff'],
  ['date', '0000-01-01', '7ff50558'],
  ['time', '00:00:00.000000000', '0000000000000000'],
  ['time', '23:59:59.999999999', '00004e94914effff'],
  ['time', '01:02:03.000000004', '00000362d417ae04'],
  ['duration', '1y2mo3d4h5m6s7ms', '1c06fc1ac004a58780'],
  ['duration', '1mo2d3ns', '020406'],
  ['duration', '-1d', '000100'],
  ['duration', '0ns', '000000'],
  ['empty', '', ''],
];

/** type, text, bytes: other texts that mean a value. */
const ALSO_READ: readonly (readonly [string, string, string])[] = [
  ['int', '+5', '00000005'],
  ['int', '-0000000000000000001', 'ffffffff'],
  ['varint', '-0', '00'],
  ['blob', '0xABcd', 'abcd'],
  ['boolean', 'TRUE', '01'],
  ['float', '1.', '3f800000'],
  ['float', 'nan', '7fc00000'],
  ['float', 'INFINITY', '7f800000'],
  // Half-way between 1 and the next float, and a trifle more: rounding to double first would lose the trifle.
  ['float', '1.000000059604644775390625', '3f800000'],
  ['float', '1.00000005960464477539062500000000000001', '3f800001'],
  ['float', '-1.00000005960464477539062500000000000001', 'bf800001'],
  ['float', '1.00000017881393432617187499999999999999', '3f800001'],
  ['decimal', '.5', '0000000105'],
  ['decimal', '5.', '0000000005'],
  ['decimal', '1e-2147483647', '7fffffff01'],
  ['uuid', '123E4567-E89B-42D3-A456-426614174000', '123e4567e89b42d3a456426614174000'],
  ['inet', '2001:0DB8:0:0:0:0:0:1', '20010db8000000000000000000000001'],
  ['timestamp', '2011-02-03', '0000012de8d18000'],
  ['timestamp', '2011-02-03 04:05', '0000012de9b1cde0'],
  ['timestamp', '2011-02-03T04:05:06', '0000012de9b1e550'],
  ['timestamp', '2011-02-03 04:05:06.7', '0000012de9b1e80c'],
  ['timestamp', '2011-02-03 04:05:06.789+0000', '0000012de9b1e865'],
  ['timestamp', '2011-02-03T04:05:06.789+00:00', '0000012de9b1e865'],
  ['timestamp', '2011-02-03T04:05:06.789 GMT', '0000012de9b1e865'],
  ['timestamp', '2011-02-03T05:35:06.789+01:30', '0000012de9b1e865'],
  ['timestamp', '2011-02-02T22:05:06.789-0600', '0000012de9b1e865'],
  ['timestamp', '-1', 'ffffffffffffffff'],
  ['date', '2147483648', '80000000'],
  ['date', '+1970-1-1', '80000000'],
  ['time', '12:00:00.5', '0000274a6674e500'],
  ['time', '1', '0000000000000001'],
  ['duration', '1Y2MO', '1c0000'],
  ['duration', '2w', '001c00'],
  ['duration', '1us', '000087d0'],
  ['duration', '1µs', '000087d0'],
  ['duration', 'P1Y2M3DT4H5M6S', '1c06fc1ac003cfe800'],
  ['duration', 'P0001-02-03T04:05:06', '1c06fc1ac003cfe800'],
  ['duration', 'P4W', '003800'],
  ['duration', '-P1D', '000100'],
];

const REFUSED: readonly (readonly [string, string, RegExp])[] = [
  ['ascii', 'é', /Unable to make ascii/],
  ['text', '\ud800', /surrogate/],
  ['tinyint', '128', /Unable to make tinyint from '128'/],
  ['smallint', '-32769', /smallint/],
  ['int', '2147483648', /Unable to make int from '2147483648'/],
  ['int', '1.0', /int/],
  ['int', 'abc', /int/],
  ['int', '0x10', /int/],
  ['bigint', '9223372036854775808', /bigint/],
  ['bigint', '9'.repeat(1_000_000), /bigint from '9{100}\.\.\.'/],
  ['varint', '1e5', /varint/],
  ['decimal', '1e2147483649', /exponent/],
  ['decimal', '.', /decimal/],
  ['decimal', 'NaN', /decimal/],
  ['float', '1e39', /float/],
  ['float', '1e400', /float/],
  ['double', '1e400', /double/],
  ['double', '--1', /double/],
  ['double', `${'1'.repeat(1_000_000)}x`, /double/],
  ['boolean', 'yes', /boolean/],
  ['blob', 'abc', /hex/],
  ['blob', 'zz', /hex/],
  ['uuid', '123e4567e89b42d3a456426614174000', /uuid/],
  ['timeuuid', '123e4567-e89b-42d3-a456-426614174000', /version 1/],
  ['inet', '1.2.3', /inet/],
  ['inet', '1.2.3.256', /inet/],
  ['inet', '01.2.3.4', /inet/],
  ['inet', '1::2::3', /inet/],
  ['inet', '1:2:3:4:5:6:7', /inet/],
  ['inet', '1:2:3:4:5:6:7:8:9', /inet/],
  ['inet', '::12345', /inet/],
  ['inet', '1.2.3.4::', /inet/],
  ['timestamp', '2011-02-03T04:05:06.7890', /Milliseconds/],
  ['timestamp', '2011-02-30', /timestamp/],
  ['timestamp', '2011-13-01', /timestamp/],
  ['timestamp', '2011-02-03T25:00', /timestamp/],
  ['timestamp', '2011-02-03T04:05:06.789+25:00', /timestamp/],
  ['timestamp', '300000000-01-01', /timestamp/],
  ['timestamp', 'tomorrow', /timestamp/],
  ['date', '2001-02-29', /date/],
  ['date', '1900-02-29', /date/],
  ['date', '-1', /unsigned int/],
  ['date', '4294967296', /unsigned int/],
  ['date', '5881580-07-12', /date/],
  ['time', '24:00:00', /time/],
  ['time', '86400000000000', /time/],
  ['time', '-1', /time/],
  ['time', '00:00:00.1234567890', /time/],
  ['duration', '', /duration/],
  ['duration', 'P', /duration/],
  ['duration', 'PT', /duration/],
  ['duration', '1', /duration/],
  ['duration', '1s2s', /The seconds are specified multiple times/],
  ['duration', '1s2m', /The seconds should be after minutes/],
  ['duration', '2147483648mo', /months must be less or equal to 2147483647/],
  ['duration', '9223372036854775808ns', /nanoseconds must be/],
];

/** type, bytes, valid. */
const VALIDITY: readonly (readonly [string, string, boolean])[] = [
  ['ascii', '7f', true],
  ['ascii', '80', false],
  ['text', '00', true],
  ['text', 'c080', false],
  ['text', 'eda080', false],
  ['text', 'f4908080', false],
  ['text', 'f48fbfbf', true],
  ['text', 'e282', false],
  ['text', '80', false],
  ['tinyint', '', true],
  ['tinyint', '0000', false],
  ['smallint', '00', false],
  ['int', '', true],
  ['int', '000000', false],
  ['bigint', '0000000000000000', true],
  ['bigint', '00000000', false],
  ['varint', '0000007f', true],
  ['varint', '', true],
  ['decimal', '00000000', false],
  ['decimal', '0000000000', true],
  ['decimal', '', true],
  ['float', '000000', false],
  ['double', '00000000', false],
  ['boolean', '02', true],
  ['boolean', '0001', false],
  ['uuid', '00', false],
  ['timeuuid', '123e4567e89b42d3a456426614174000', false],
  ['timeuuid', '', true],
  ['inet', '0102030405', false],
  ['timestamp', '00', false],
  ['date', '0000', false],
  ['time', '00004e9491500000', false],
  ['time', 'ffffffffffffffff', false],
  ['duration', '', false],
  ['duration', '0000', false],
  ['duration', '000000', true],
  ['duration', '00000000', false],
  ['duration', '020100', false],
  ['duration', 'f0ffffffff0000', true],
  ['duration', 'f1000000000000', false],
  ['duration', '0000ffffffffffffffffff', true],
  ['duration', '0000ffffffffffff', false],
];

const typeOf = (name: string): CqlType => nativeType(name)!;

describe('text forms', () => {
  test.each(BOTH_WAYS)('%s %j is %s', (name, text, bytes) => {
    const type = typeOf(name);
    const value = unhex(bytes);
    expect(hex(type.fromText(text))).toBe(bytes);
    expect(type.toText(value, 0, value.length)).toBe(text);
    expect(type.validate(value, 0, value.length)).toBeUndefined();
  });

  test.each(ALSO_READ)('%s also reads %j as %s', (name, text, bytes) => {
    expect(hex(typeOf(name).fromText(text))).toBe(bytes);
  });

  test.each(REFUSED)('%s refuses %.30j', (name, text, message) => {
    expect(() => typeOf(name).fromText(text)).toThrow(message);
    expect(() => typeOf(name).fromText(text)).toThrow(expect.objectContaining({ code: 'INVALID' }));
  });

  test('a value in the middle of other bytes is printed alone', () => {
    for (const [name, text, bytes] of BOTH_WAYS) {
      const value = unhex(`ff${bytes}ff`);
      expect(typeOf(name).toText(value, 1, value.length - 1)).toBe(text);
    }
  });

  test('bytes that are no value are shown in hex', () => {
    expect(typeOf('int').toText(unhex('0102'), 0, 2)).toBe('0x0102');
    expect(typeOf('text').toText(unhex('ff'), 0, 1)).toBe('0xff');
    expect(typeOf('time').toText(unhex('ffffffffffffffff'), 0, 8)).toBe('0xffffffffffffffff');
  });

  test('a longer varint means the same', () => {
    expect(typeOf('varint').toText(unhex('000000ff'), 0, 4)).toBe('255');
    expect(typeOf('varint').toText(unhex('ffffff00'), 0, 4)).toBe('-256');
  });

  test('a varint of 1 MB is printed, read and checked', () => {
    const type = typeOf('varint');
    const value = new Uint8Array(100_000).fill(0x5a);
    expect(hex(type.fromText(type.toText(value, 0, value.length)))).toBe(hex(value));
    const large = new Uint8Array(1_000_000).fill(0x5a);
    expect(type.validate(large, 0, large.length)).toBeUndefined();
    expect(type.toText(large, 0, large.length)).toHaveLength(2_408_240);
  });
});

describe('validity', () => {
  test.each(VALIDITY)('%s %j: %s', (name, bytes, isValid) => {
    const value = unhex(bytes);
    expect(typeOf(name).validate(value, 0, value.length) === undefined).toBe(isValid);
  });
});
