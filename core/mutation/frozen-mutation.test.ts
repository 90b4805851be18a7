import { describe, expect, test } from 'vitest';
import { uuidBytes } from '../uuid-bytes.ts';
import { checkMutation } from './check.ts';
import {
  MutationWriter,
  mutationKeyLength,
  mutationSchemaVersion,
  mutationTokenHi,
  mutationTokenLo,
} from './frozen-mutation.ts';

/** The example of docs/formats/mutation.md: written by one release, read by all later ones. */
const GOLDEN = [
  '01 00 0300 07000000 6b1f2f605c1b11ee8c990242ac120002 bc3e1d01f387f8a0 6b6579',
  '01 0500000000000000 00ca9a3b',
  '02 10000000 00 0300 00 0600000000000000 00000000',
  '03 09000000 000400000001000161 21000000 03 f8ffffffffffffff 3c000000 64000000 0500 1a 02000000 abcd 0900 09 64000000',
  '03 00000000 1c000000 04 0700000000000000 00ca9a3b 0600 04 0600000000000000 00ca9a3b',
  '03 00000000 2a000000 00 0600 20 0700000000000000 01000000 6b 01000000 76 0600 21 0700000000000000 00ca9a3b 01000000 6c',
  '04 ff 06000000 000400000001 01 00000000 0800000000000000 00ca9a3b',
];

describe('frozen mutations', () => {
  test('have the bytes that format 1 had from the beginning', () => {
    const writer = new MutationWriter();
    const { row } = writer;
    const key = Buffer.from('key');
    const nothing = new Uint8Array(0);
    const clustering = Buffer.from('000400000001000161', 'hex');
    const value = Buffer.from('abcd', 'hex');
    const texts = Buffer.from('kvl');
    const time = 1_000_000_000;
    writer.begin(uuidBytes('6b1f2f60-5c1b-11ee-8c99-0242ac120002'), 7, 0xa0f887f3 | 0, 0x011d3ebc, key, 0, 3);
    writer.partitionDeletion(0, 5, time);
    writer.beginStaticRow();
    row.cell(3, 0, 6, 0, 0, nothing, 0, 0);
    writer.endRow();
    writer.beginRow(clustering, 0, clustering.length);
    row.liveness(-1, -8, 60, 100);
    row.cell(5, -1, -8, 60, 100, value, 0, 2);
    row.deadCell(9, -1, -8, 100);
    writer.endRow();
    writer.beginRow(nothing, 0, 0);
    row.deletion(0, 7, time);
    row.complexDeletion(6, 0, 6, time);
    writer.endRow();
    writer.beginRow(nothing, 0, 0);
    row.element(6, 0, 7, 0, 0, texts, 0, 1, texts, 1, 2);
    row.deadElement(6, 0, 7, time, texts, 2, 3);
    writer.endRow();
    writer.rangeDeletion(-1, clustering.subarray(0, 6), 1, nothing, 0, 8, time);
    const bytes = writer.out.toBytes();
    expect(Buffer.from(bytes).toString('hex')).toBe(GOLDEN.join('').replaceAll(' ', ''));
    expect(checkMutation(bytes, 0, bytes.length)).toBeUndefined();
    const head = [mutationKeyLength, mutationSchemaVersion, mutationTokenHi, mutationTokenLo].map((read) =>
      read(bytes, 0),
    );
    expect(head).toEqual([3, 7, 0xa0f887f3 | 0, 0x011d3ebc]);
  });
});
