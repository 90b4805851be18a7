import { crc32 } from 'node:zlib';
import { expect, test } from 'vitest';
import { ByteWriter } from '../../core/bytes.ts';
import { CorruptFileError } from '../../core/errors.ts';
import { scyllaDigests } from './scylla-component.ts';

/** A run identifier (tag 4), and digests (tag 12) of Index.db and Data.db. */
function component(hasDigests: boolean): Uint8Array {
  const out = new ByteWriter();
  out.i32BE(hasDigests ? 2 : 1);
  out.i32BE(4);
  out.i32BE(16);
  out.raw(new Uint8Array(16));
  if (!hasDigests) return out.toBytes();
  out.i32BE(12);
  out.i32BE(20);
  out.i32BE(2);
  for (const value of [0, 0x0102_0304, 2, 0xfffe_fdfc]) out.i32BE(value);
  out.i32BE(crc32(out.toBytes()));
  return out.toBytes();
}

test('digests are found by the names of their components', () => {
  expect([...scyllaDigests(component(true), 'f')]).toEqual([
    ['Index.db', 0x0102_0304],
    ['Data.db', 0xfffe_fdfc],
  ]);
  expect(scyllaDigests(component(false), 'f').size).toBe(0);
});

test('no flipped bit and no cut passes', () => {
  const good = component(true);
  for (let bit = 0; bit < good.length * 8; bit++) {
    const bytes = good.slice();
    bytes[bit >>> 3]! ^= 1 << (bit & 7);
    // Tags and sizes lead to the list: without them it is not seen, by other programs neither.
    const byte = bit >>> 3;
    const leadsToList = byte < 12 || (byte >= 28 && byte < 36);
    let found = -1;
    try {
      found = scyllaDigests(bytes, 'f').size;
    } catch (error) {
      expect(error).toBeInstanceOf(CorruptFileError);
    }
    expect(found, `bit ${bit}`).toBeLessThanOrEqual(leadsToList ? 0 : -1);
  }
  for (let length = 0; length < good.length; length++) {
    expect(() => scyllaDigests(good.subarray(0, length), 'f')).toThrow(CorruptFileError);
  }
});
