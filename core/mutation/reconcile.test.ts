import { describe, expect, test } from 'vitest';
import { ByteWriter } from '../bytes.ts';
import { isShadowed, reconcileCells, reconcileDeletions, reconcileLiveness } from './reconcile.ts';
import { EXPIRED_LIVENESS_TTL, NO_DELETION_TIME, RowBodyWriter, RowReader } from './row-body.ts';

interface Cell {
  readonly hi: number;
  readonly lo: number;
  readonly dead?: number;
  readonly ttl?: number;
  readonly expiry?: number;
  readonly value?: string;
}

function readerAt(cell: Cell): RowReader {
  const out = new ByteWriter();
  const writer = new RowBodyWriter();
  const value = Buffer.from(cell.value ?? '', 'hex');
  writer.begin(out);
  if (cell.dead !== undefined) writer.deadCell(1, cell.hi, cell.lo, cell.dead);
  else writer.cell(1, cell.hi, cell.lo, cell.ttl ?? 0, cell.expiry ?? 0, value, 0, value.length);
  const reader = new RowReader();
  reader.open(out.bytes, 0, out.length);
  reader.next();
  return reader;
}

/** From the one that loses against all to the one that wins. */
const CELLS: readonly Cell[] = [
  { hi: -0x8000_0000, lo: 1, value: 'ff' },
  { hi: -1, lo: -1, dead: 900 },
  { hi: 0, lo: 0, value: 'ff' },
  { hi: 0, lo: 0x7fff_ffff, value: '00' },
  { hi: 0, lo: -1, value: '00' },
  { hi: 1, lo: 0, value: '' },
  { hi: 1, lo: 0, value: '00' },
  { hi: 1, lo: 0, value: '0000' },
  { hi: 1, lo: 0, value: '7f' },
  { hi: 1, lo: 0, value: '80' },
  { hi: 1, lo: 0, ttl: 5, expiry: 10, value: 'ff' },
  { hi: 1, lo: 0, ttl: 20, expiry: 11, value: '02' },
  { hi: 1, lo: 0, ttl: 20, expiry: 11, value: '03' },
  { hi: 1, lo: 0, ttl: 10, expiry: 11, value: '01' }, // written later than the one of 20 s
  { hi: 1, lo: 0, ttl: 10, expiry: 0x8000_0000, value: '01' },
  { hi: 1, lo: 0, dead: 5 },
  { hi: 1, lo: 0, dead: 0x8000_0005 },
  { hi: 1, lo: 1, value: '00' },
];

describe('reconcileCells', () => {
  test('decides by timestamp, tombstone, expiry, ttl, value, in this order', () => {
    for (const [i, a] of CELLS.entries()) {
      for (const [j, b] of CELLS.entries()) {
        expect([i, j, Math.sign(reconcileCells(readerAt(a), readerAt(b)))]).toEqual([i, j, Math.sign(i - j)]);
      }
    }
  });
});

describe('reconcileLiveness', () => {
  /** timestamp halves, ttl, expiry; ascending. */
  const markers: readonly (readonly [number, number, number, number])[] = [
    [-0x8000_0000, 0, 0, NO_DELETION_TIME],
    [0, -1, EXPIRED_LIVENESS_TTL, 99],
    [1, 0, 0, NO_DELETION_TIME],
    [1, 0, 9, 10],
    [1, 0, 9, 11],
    [1, 0, 8, 11],
    [1, 0, EXPIRED_LIVENESS_TTL, 1],
    [1, 0, EXPIRED_LIVENESS_TTL, 2],
    [1, 5, 0, NO_DELETION_TIME],
  ];

  test('decides by timestamp, expired marker, expiry, ttl', () => {
    for (const [i, a] of markers.entries()) {
      for (const [j, b] of markers.entries()) {
        expect([i, j, Math.sign(reconcileLiveness(...a, ...b))]).toEqual([i, j, Math.sign(i - j)]);
      }
    }
  });
});

describe('deletions', () => {
  const deletions: readonly (readonly [number, number, number])[] = [
    [-0x8000_0000, 0, NO_DELETION_TIME],
    [-1, -1, 7],
    [0, 1, 7],
    [0, -1, 3],
    [0, -1, 0x9000_0000],
    [1, 0, 1],
  ];

  test('the newer timestamp wins, then the later local time', () => {
    for (const [i, a] of deletions.entries()) {
      for (const [j, b] of deletions.entries()) {
        expect([i, j, Math.sign(reconcileDeletions(...a, ...b))]).toEqual([i, j, Math.sign(i - j)]);
      }
    }
  });

  test.each([
    [0, 5, 0, 5, true],
    [0, 6, 0, 5, false],
    [0, -1, 0, 5, false],
    [0, 5, 0, -1, true],
    [-1, -1, 0, 0, true],
    [1, 0, 0, -1, false],
  ])('data at (%d, %d) under a deletion at (%d, %d) is shadowed: %s', (hi, lo, deletionHi, deletionLo, shadowed) => {
    expect(isShadowed(hi, lo, deletionHi, deletionLo)).toBe(shadowed);
  });
});
