import { describe, expect, test } from 'vitest';
import { CorruptFileError, UnsupportedFormatError } from '../../core/errors.ts';
import { decodeCompressionInfo, encodeCompressionInfo } from './compression-info.ts';
import { decodeCrc, encodeCrc } from './crc.ts';
import { decodeDigest, encodeDigest } from './digest.ts';
import { makeHistogram } from './estimated-histogram.ts';
import { decodeSummary, encodeSummary } from './summary.ts';
import { decodeTessera, encodeTessera } from './tessera.ts';
import { decodeToc, encodeToc } from './toc.ts';
import { TombstoneHistogram } from './tombstone-histogram.ts';
import { versionFeatures } from './version.ts';

const MC = versionFeatures('mc', 'big', 'test');
const NB = versionFeatures('nb', 'big', 'test');
const bytesOf = (hex: string) => Uint8Array.from(Buffer.from(hex.replaceAll(' ', ''), 'hex'));
const hexOf = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex');

describe('small components', () => {
  test.each(['ka', 'la', 'mf', 'mu', 'da', 'ob', 'zz'])('version %s is refused by name', (version) => {
    expect(() => versionFeatures(version, 'big', '/x')).toThrow(UnsupportedFormatError);
    expect(() => versionFeatures(version, 'big', '/x')).toThrow(`version ${version} `);
  });

  test('TOC.txt', () => {
    expect(new TextDecoder().decode(encodeToc(['Data.db', 'TOC.txt']))).toBe('Data.db\nTOC.txt\n');
    expect(decodeToc(encodeToc(['Data.db', 'SAI+x.db']), 'toc')).toEqual(['Data.db', 'SAI+x.db']);
    expect(() => decodeToc(bytesOf('0001'), 'toc')).toThrow(CorruptFileError);
  });

  test('Digest.crc32', () => {
    expect(new TextDecoder().decode(encodeDigest(-1))).toBe('4294967295');
    expect(decodeDigest(encodeDigest(3_255_235_571), 'digest')).toBe(3_255_235_571);
    for (const text of ['', '-1', '4294967296', 'x1']) {
      expect(() => decodeDigest(new TextEncoder().encode(text), 'digest')).toThrow(CorruptFileError);
    }
  });

  test('CRC.db, with one checksum too many or not', () => {
    const bytes = encodeCrc(65_536, [1, 2]);
    expect([...decodeCrc(bytes, 'crc', 65_537).crcs]).toEqual([1, 2]);
    expect([...decodeCrc(bytes, 'crc', 65_536).crcs]).toEqual([1]);
    for (const size of [1, 131_073]) {
      if (size === 1) expect([...decodeCrc(bytes, 'crc', size).crcs]).toEqual([1]);
      else expect(() => decodeCrc(bytes, 'crc', size)).toThrow(CorruptFileError);
    }
    expect(() => decodeCrc(bytesOf('00000000'), 'crc', 1)).toThrow(CorruptFileError);
  });

  test('CompressionInfo.db of both ages', () => {
    const name = '000d4c5a34436f6d70726573736f72';
    const old = `${name}00000000000100000000000000000260000000010000000000000000`;
    const info = decodeCompressionInfo(bytesOf(old), 'info', MC, 1000);
    expect(info).toMatchObject({ compressor: 'LZ4Compressor', chunkBytes: 65_536, dataBytes: 0x260 });
    expect(hexOf(encodeCompressionInfo(info, MC))).toBe(old);
    const modern = `${name}00000000000040007fffffff000000000000001c000000010000000000000000`;
    expect(hexOf(encodeCompressionInfo(decodeCompressionInfo(bytesOf(modern), 'info', NB, 1000), NB))).toBe(modern);
  });

  test.each([
    ['a chunk length that is no power of two', '000130 00000000 00010001 0000000000000001 00000001 0000000000000000'],
    ['more chunks than bytes', '000130 00000000 00010000 7000000000000000 7fffffff 0000000000000000'],
    ['a negative length', '000130 00000000 00010000 ffffffffffffffff 00000001 0000000000000000'],
    ['too many options', '000130 7fffffff'],
    ['an offset beyond the file', '000130 00000000 00010000 0000000000000001 00000001 0000000000001000'],
  ])('CompressionInfo.db with %s', (_, hex) => {
    expect(() => decodeCompressionInfo(bytesOf(hex), 'info', MC, 1000)).toThrow(CorruptFileError);
  });

  test('Summary.db', () => {
    const hex =
      '00000080000000010000000000000010000000800000000104000000000000050000000000000000' +
      '00000004000000050000000400000003';
    const summary = decodeSummary(bytesOf(hex), 'summary', 100);
    expect(summary.entries.count).toBe(1);
    expect(hexOf(summary.lastKey)).toBe('00000003');
    expect(hexOf(encodeSummary(summary))).toBe(hex);
    for (let i = 0; i < hex.length / 2; i++) {
      expect(() => decodeSummary(bytesOf(hex).subarray(0, i), 'summary', 100)).toThrow(CorruptFileError);
    }
  });

  test('Tessera.db', () => {
    const checksums = {
      components: new Map([['Data.db', { sizeBytes: 2 ** 40, crc: 0xffff_ffff }]]),
      blockBytes: 65_536,
      indexBlocks: Uint32Array.of(1, 2),
      dataBlocks: Uint32Array.of(),
    };
    const bytes = encodeTessera(checksums);
    expect(decodeTessera(bytes, 'tessera')).toEqual(checksums);
    for (let i = 0; i < bytes.length; i++) {
      const flipped = bytes.slice();
      flipped[i]! ^= 0x10;
      expect(() => decodeTessera(flipped, 'tessera')).toThrow(CorruptFileError);
      expect(() => decodeTessera(bytes.subarray(0, i), 'tessera')).toThrow(CorruptFileError);
    }
  });

  test('estimated histogram offsets and counts', () => {
    const histogram = makeHistogram(12);
    expect([...histogram.offsets]).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 10, 12, 14, 17]);
    for (const value of [0, 1, 2, 9, 10, 11, 18]) histogram.add(value);
    expect([...histogram.counts]).toEqual([2, 1, 0, 0, 0, 0, 0, 0, 2, 1, 0, 0, 1]);
  });

  test('tombstone histogram merges its two closest times', () => {
    const histogram = new TombstoneHistogram(3);
    for (const time of [60, 600, 660, 6000]) histogram.addBin(time, time === 660 ? 3 : 1);
    expect([0, 1, 2].map((i) => [histogram.time(i), histogram.count(i)])).toEqual([
      [60, 1],
      [645, 4],
      [6000, 1],
    ]);
    expect(histogram.countBefore(6000)).toBe(5);
    histogram.add(59);
    expect(histogram.count(0)).toBe(2);
  });
});
