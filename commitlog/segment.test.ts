import { describe, expect, test } from 'vitest';
import { writeI32LE } from '../core/bytes.ts';
import { crc32 } from '../core/crc32.ts';
import { UnsupportedFormatError } from '../core/errors.ts';
import { SimFiles } from '../test/sim/sim-files.ts';
import { HOST_ID } from '../test/support/log-harness.ts';
import { alignBatch, BATCH_HEAD_BYTES, isBatchBody, isBatchHead, sealBatch } from './batch.ts';
import { comparePositions, decodePosition, encodePosition } from './replay-position.ts';
import {
  listSegmentFiles,
  readSegmentHeader,
  SEGMENT_HEADER_BYTES,
  type SegmentHeader,
  segmentCounter,
  segmentFileName,
  segmentIdOf,
  segmentOwner,
  segmentSeed,
  segmentShard,
  writeSegmentHeader,
} from './segment.ts';

const header: SegmentHeader = {
  segmentId: segmentIdOf(2 ** 44, 3),
  shard: 3,
  shardCount: 8,
  hostId: HOST_ID,
  isRecycled: true,
  previousSegmentId: segmentIdOf(2 ** 44 - 1, 3),
  previousEnd: 123_456,
  oldestNeeded: segmentIdOf(5, 3),
};

describe('segment header', () => {
  test('has its golden bytes', () => {
    const bytes = new Uint8Array(SEGMENT_HEADER_BYTES);
    writeSegmentHeader(header, bytes);
    const body =
      '544553534c4f470a0100030008000100' +
      `0300000000001000${HOST_ID.replaceAll('-', '')}` +
      '03ffffffffff0f0040e201000305000000000000';
    expect(Buffer.from(bytes).toString('hex', 0, 60)).toBe(body);
    expect(readSegmentHeader(bytes, 64, header.segmentId, 'x')).toEqual(header);
  });

  test('of another segment, cut, or with any byte changed is no header', () => {
    const bytes = new Uint8Array(SEGMENT_HEADER_BYTES);
    writeSegmentHeader(header, bytes);
    expect(readSegmentHeader(bytes, 64, header.segmentId + 256, 'x')).toBeUndefined();
    expect(readSegmentHeader(bytes, 63, header.segmentId, 'x')).toBeUndefined();
    for (let i = 0; i < 64; i++) {
      bytes[i]! ^= 1 << (i % 8);
      expect(readSegmentHeader(bytes, 64, header.segmentId, 'x')).toBeUndefined();
      bytes[i]! ^= 1 << (i % 8);
    }
  });

  test('of a newer version is refused by name', () => {
    const bytes = new Uint8Array(SEGMENT_HEADER_BYTES);
    writeSegmentHeader(header, bytes);
    bytes[8] = 2;
    writeI32LE(bytes, 60, crc32(bytes, 0, 60, segmentSeed(header.segmentId)));
    expect(() => readSegmentHeader(bytes, 64, header.segmentId, '/log/x')).toThrow(UnsupportedFormatError);
    expect(() => readSegmentHeader(bytes, 64, header.segmentId, '/log/x')).toThrow(/\/log\/x.*format 2/);
  });
});

test('a segment id holds counter and shard', () => {
  const id = segmentIdOf(2 ** 44, 255);
  expect(Number.isSafeInteger(id)).toBe(true);
  expect([segmentCounter(id), segmentShard(id)]).toEqual([2 ** 44, 255]);
});

test.each([
  [0, 4, 0],
  [3, 4, 3],
  [4, 4, 0],
  [7, 4, 3],
  [2, 1, 0],
])('segments of shard %d belong, with %d shards, to shard %d', (shard, shardCount, owner) => {
  expect(segmentOwner(shard, shardCount)).toBe(owner);
});

test('files are listed by id, others are left alone', () => {
  const files = new SimFiles();
  files.makeDirectory('/d');
  for (const name of [
    'commitlog-0000000000000512.log',
    'recycled-0000000000000256.log',
    'notes.txt',
    'commitlog-1.log',
  ]) {
    files.setContent(`/d/${name}`, new Uint8Array(0));
  }
  expect(listSegmentFiles(files, '/d')).toEqual([
    { kind: 'recycled', segmentId: 256, path: '/d/recycled-0000000000000256.log' },
    { kind: 'commitlog', segmentId: 512, path: '/d/commitlog-0000000000000512.log' },
  ]);
  expect(segmentFileName('commitlog', 2 ** 52)).toBe('commitlog-4503599627370496.log');
});

test('a batch is told from every other place and segment', () => {
  const bytes = new Uint8Array(BATCH_HEAD_BYTES + 100).fill(7);
  sealBatch(bytes, 0, 100, 4096, 256, 512, segmentSeed(512));
  expect(Buffer.from(bytes).toString('hex', 0, 24)).toBe('e5417cba64000000001000000001000000000000' + '00020000');
  expect(isBatchHead(bytes, 0, 4096, segmentSeed(512))).toBe(true);
  expect(isBatchHead(bytes, 0, 4104, segmentSeed(512))).toBe(false);
  expect(isBatchHead(bytes, 0, 4096, segmentSeed(768))).toBe(false);
  expect(isBatchBody(bytes, 0, 100, segmentSeed(512))).toBe(true);
  bytes[131] = 8;
  expect(isBatchBody(bytes, 0, 100, segmentSeed(512))).toBe(false);
  expect([alignBatch(64), alignBatch(65), alignBatch(72)]).toEqual([64, 72, 72]);
});

test('positions have an order and 12 bytes', () => {
  const position = { segmentId: segmentIdOf(2 ** 44, 3), offset: 0xffff_fff0 };
  const bytes = encodePosition(position);
  expect(Buffer.from(bytes).toString('hex')).toBe('0300000000001000f0ffffff');
  expect(decodePosition(bytes, 0, 'x')).toEqual(position);
  expect(() => decodePosition(bytes, 1, 'x')).toThrow(/cut short/);
  bytes[7] = 0x80;
  expect(() => decodePosition(bytes, 0, 'x')).toThrow(/2\^53/);
  expect(comparePositions(256, 99, 512, 1)).toBeLessThan(0);
  expect(comparePositions(512, 2, 512, 1)).toBeGreaterThan(0);
  expect(comparePositions(512, 1, 512, 1)).toBe(0);
});
