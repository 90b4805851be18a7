import { describe, expect, test } from 'vitest';
import { CorruptFileError, UnsupportedFormatError } from '../core/errors.ts';
import { chunkCodec } from './compress.ts';

const CLASSES = ['LZ4Compressor', 'SnappyCompressor', 'DeflateCompressor', 'ZstdCompressor', 'NoopCompressor'];
const PLAIN: Uint8Array = Uint8Array.from({ length: 4096 }, (_, i) => (i * i) >> 5);

describe.each(CLASSES)('%s', (className) => {
  const codec = chunkCodec(className, {}, 'data');

  test.each([1, 100, 4096])('gives back %d bytes', (length) => {
    const stored = codec.compress(PLAIN.subarray(0, length));
    const target = new Uint8Array(length + 10);
    codec.decompress(stored, 0, stored.length, target, 5, length, 'data', 0);
    expect(Buffer.from(target.subarray(5, 5 + length)).equals(PLAIN.subarray(0, length))).toBe(true);
  });

  test('refuses what is not as long as it should be, whatever it claims', () => {
    const stored = codec.compress(PLAIN);
    const target = new Uint8Array(8192);
    const decompress = (bytes: Uint8Array, length: number) =>
      codec.decompress(bytes, 0, bytes.length, target, 0, length, 'data', 77);
    expect(() => decompress(stored, 4095)).toThrow(CorruptFileError);
    expect(() => decompress(stored, 4097)).toThrow('data at byte 77');
    expect(() => decompress(stored.subarray(0, stored.length - 3), 4096)).toThrow(CorruptFileError);
    for (const hex of ['ffffff7f00', 'ffffffff0f00', '', '00', '78da']) {
      expect(() => decompress(Uint8Array.from(Buffer.from(hex, 'hex')), 4096)).toThrow(CorruptFileError);
    }
  });
});

test('a compressor that is not known is refused by name', () => {
  expect(() => chunkCodec('LZ4WithDictsCompressor', {}, 'data')).toThrow(UnsupportedFormatError);
  expect(() => chunkCodec('LZ4WithDictsCompressor', {}, 'data')).toThrow('LZ4WithDictsCompressor');
});
