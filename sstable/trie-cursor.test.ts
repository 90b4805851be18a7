import { describe, expect, test } from 'vitest';
import { CorruptFileError } from '../core/errors.ts';
import { OpenMode } from '../core/ports/files.ts';
import { SimFiles } from '../test/sim/sim-files.ts';
import { BlockFile } from './block-file.ts';
import { Walk } from './index-walker.ts';
import { Dice } from './testing/random-partitions.ts';
import { TrieCursor } from './trie-cursor.ts';

const PATH = '/tries/me-Rows.db';
/** A payload is as many bytes as its bits say: the entry's number, big endian. */
const payloadLength = (bits: number) => bits;

/** A node of a trie to be written, with all its children. */
interface Built {
  readonly children: Map<number, Built>;
  entry: number;
}

function build(keys: readonly Uint8Array[]): Built {
  const root: Built = { children: new Map(), entry: -1 };
  for (const [i, key] of keys.entries()) {
    let at = root;
    for (const byte of key) {
      let next = at.children.get(byte);
      if (next === undefined) {
        next = { children: new Map(), entry: -1 };
        at.children.set(byte, next);
      }
      at = next;
    }
    at.entry = i;
  }
  return root;
}

/** Writes nodes of all types that fit, chosen at random, children first. Returns the position of the root. */
function write(node: Built, out: number[], dice: Dice): number {
  const transitions = [...node.children.keys()].sort((a, b) => a - b);
  const positions = transitions.map((byte) => write(node.children.get(byte)!, out, dice));
  for (let i = dice.below(4); i > 0; i--) out.push(0xff); // padding is never looked at
  const start = out.length;
  const distances = positions.map((position) => start - position);
  const largest = Math.max(0, ...distances);
  const payload = node.entry < 0 ? [] : [node.entry >> 8, node.entry & 0xff];
  const head = (type: number) => (type << 4) | payload.length;
  const packed = (values: readonly number[], bits: number) => {
    const digits = values.map((value) => value.toString(16).padStart(bits / 4, '0')).join('');
    out.push(...Buffer.from(digits.length % 2 === 0 ? digits : `${digits}0`, 'hex'));
  };
  if (positions.length === 0) {
    out.push(head(0));
  } else {
    const first = transitions[0]!;
    const span = transitions.at(-1)! - first + 1;
    const dense = Array.from({ length: span }, (_, i) => distances[transitions.indexOf(first + i)] ?? 0);
    const choices: (() => void)[] = [];
    for (const [type, bits] of [
      [5, 8],
      [6, 12],
      [7, 16],
      [8, 24],
      [9, 40],
    ] as const) {
      if (largest < 2 ** bits) {
        choices.push(() => {
          out.push(head(type), positions.length, ...transitions);
          packed(distances, bits);
        });
      }
    }
    for (const [type, bits] of [
      [10, 12],
      [11, 16],
      [12, 24],
      [13, 32],
      [14, 40],
      [15, 64],
    ] as const) {
      if (largest < 2 ** bits) {
        choices.push(() => {
          out.push(head(type), first, span - 1);
          packed(dense, bits);
        });
      }
    }
    if (positions.length === 1) {
      if (largest < 256) choices.push(() => out.push(head(2), first, largest));
      choices.push(() => out.push(head(4), first, largest >> 8, largest & 0xff));
      if (payload.length === 0 && largest < 16) choices.push(() => out.push(0x10 | largest, first));
      if (payload.length === 0 && largest < 4096)
        choices.push(() => out.push(0x30 | (largest >> 8), largest & 0xff, first));
    }
    dice.pick(choices)();
  }
  out.push(...payload);
  return start;
}

function cursorOver(bytes: readonly number[], isBlocking: boolean): TrieCursor {
  const files = new SimFiles((operation) => queueMicrotask(operation));
  files.makeDirectory('/tries');
  files.setContent(PATH, Uint8Array.from(bytes));
  const file = new BlockFile(PATH, files.open(PATH, OpenMode.Read), -1, bytes.length, undefined, undefined);
  return new TrieCursor(file, { files, cache: undefined, isBlocking }, payloadLength);
}

async function settle(cursor: TrieCursor, ask: () => Walk): Promise<Walk> {
  for (;;) {
    const walk = ask();
    if (walk !== Walk.NeedsLoad) return walk;
    await cursor.window.load();
  }
}

function entryOf({ node, window }: TrieCursor): number {
  return (window.bytes[node.payloadAt]! << 8) | window.bytes[node.payloadAt + 1]!;
}

function randomKeys(dice: Dice): Uint8Array[] {
  const alphabet = 2 + dice.below(254);
  const keys = Array.from({ length: 1 + dice.below(200) }, () =>
    Uint8Array.from({ length: dice.below(6) }, () => dice.below(alphabet)),
  );
  const sorted = keys.sort(Buffer.compare);
  return sorted.filter((key, i) => i === 0 || Buffer.compare(key, sorted[i - 1]!) !== 0);
}

describe('walks of a trie', () => {
  test.each([1, 2, 3, 4, 5, 6, 7, 8])('find what a sorted list finds, seed %d', async (seed) => {
    const dice = new Dice(seed);
    for (let round = 0; round < 12; round++) {
      const keys = randomKeys(dice);
      const bytes: number[] = [];
      // Some tries lie over the boundary of two blocks.
      if (round % 4 === 0) bytes.push(...new Uint8Array(65_536 - dice.below(400)));
      const root = write(build(keys), bytes, dice);
      const cursor = cursorOver(bytes, round % 2 === 0);
      cursor.open(root);
      for (const [i, key] of keys.entries()) {
        expect(await settle(cursor, () => cursor.next())).toBe(Walk.Entry);
        expect([entryOf(cursor), [...cursor.path.toBytes()]]).toEqual([i, [...key]]);
      }
      expect(await settle(cursor, () => cursor.next())).toBe(Walk.End);
      const sought = [...keys, ...randomKeys(dice).slice(0, 30)];
      for (const key of sought) {
        const below = keys.filter((other) => Buffer.compare(other, key) < 0).length;
        expect(await settle(cursor, () => cursor.seekLower(key, key.length))).toBe(below > 0 ? Walk.Entry : Walk.End);
        if (below > 0) expect(entryOf(cursor)).toBe(below - 1);
        expect(await settle(cursor, () => cursor.next())).toBe(below < keys.length ? Walk.Entry : Walk.End);
        if (below < keys.length) expect(entryOf(cursor)).toBe(below);
        const prefix = keys.findIndex((other) => Buffer.compare(other, key.subarray(0, other.length)) === 0);
        expect(await settle(cursor, () => cursor.find(key, key.length))).toBe(prefix < 0 ? Walk.End : Walk.Entry);
        if (prefix >= 0) expect(entryOf(cursor)).toBe(prefix);
      }
      cursor.close();
    }
  });
});

describe('a hostile trie', () => {
  const walkAll = (bytes: readonly number[], root: number) => {
    const cursor = cursorOver(bytes, true);
    cursor.open(root);
    let count = 0;
    while (cursor.next() === Walk.Entry) count++;
    return count;
  };
  const hostile: { name: string; bytes: readonly number[]; root: number; why: RegExp }[] = [
    { name: 'a child that is its parent', bytes: [0, 0x10, 0x41], root: 1, why: /at byte 1: child 0 bytes before/ },
    { name: 'a child before the file', bytes: [0, 0x15, 0x41], root: 1, why: /at byte 1: child 5 bytes before/ },
    { name: 'a root beyond the file', bytes: [1, 0], root: 9, why: /at byte 9: root beyond/ },
    { name: 'a node that the file ends in', bytes: [1, 0, 0x55, 9, 1], root: 2, why: /at byte 2: trie node cut short/ },
    { name: 'a payload that the file ends in', bytes: [0x07, 0, 0], root: 0, why: /at byte 0: trie node cut short/ },
    { name: 'neither children nor payload', bytes: [0, 0, 0x12, 0x41], root: 2, why: /at byte 0: a node with neither/ },
    { name: 'no children of a sparse node', bytes: [0x50, 0, 0], root: 0, why: /at byte 0: a node with neither/ },
    {
      name: 'a distance of 2^64 - 1',
      bytes: [0, 0xf0, 1, 0, ...new Array<number>(8).fill(0xff)],
      root: 1,
      why: /at byte 1: child \d+ bytes before/,
    },
    {
      name: 'deeper than any key',
      bytes: [1, 7, ...new Array<number[]>(1_200_000).fill([0x12, 0x41]).flat()],
      root: 2_400_000,
      why: /trie deeper than any key/,
    },
  ];
  test.each(hostile)('$name is refused', ({ bytes, root, why }) => {
    expect(() => walkAll(bytes, root)).toThrow(CorruptFileError);
    expect(() => walkAll(bytes, root)).toThrow(why);
  });
});
