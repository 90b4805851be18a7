import fc from 'fast-check';
import { expect, test } from 'vitest';
import { isUuidText, NIL_UUID, uuidBytes, uuidText } from './uuid-bytes.ts';

test('bytes and text are two forms of one UUID', () => {
  const text = '00112233-4455-6677-8899-aabbccddeeff';
  const bytes = uuidBytes(text);
  expect([...bytes]).toEqual([0, 17, 34, 51, 68, 85, 102, 119, 136, 153, 170, 187, 204, 221, 238, 255]);
  expect(uuidText(bytes, 0)).toBe(text);
  expect(uuidText(new Uint8Array(16), 0)).toBe(NIL_UUID);
});

test('any 16 bytes survive the round trip', () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 16, maxLength: 16 }), (bytes) => {
      expect([...uuidBytes(uuidText(bytes, 0))]).toEqual([...bytes]);
    }),
  );
});

test.each(['', 'x', '00112233-4455-6677-8899-aabbccddeefF', '001122334455-6677-8899-aabbccddeeff00'])(
  '%j is refused',
  (text) => {
    expect(isUuidText(text)).toBe(false);
    expect(() => uuidBytes(text)).toThrow(RangeError);
  },
);
