import fc from 'fast-check';
import { EXPIRED_LIVENESS_TTL } from '../../core/mutation/row-body.ts';
import { ALL_ROWS, type ClusteringSlice, type PartitionSlice } from '../../core/read/slice.ts';
import { clusteringPrefix } from '../../core/schema/clustering-prefix.ts';
import {
  MODEL_TABLE,
  type ModelBody,
  type ModelCell,
  type ModelDeletion,
  type ModelPosition,
  type ModelWrite,
  REGULAR_COLUMNS,
  STATIC_COLUMNS,
} from './partition-model.ts';

/** Arbitrary writes, slices and sources for `partition-model.ts`: few keys, rows and times, so that everything collides. */

/** The second at which the tests read; expiries and deletion times lie around it. */
export const NOW = 100;

const int32 = (value: number) => {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32BE(value);
  return new Uint8Array(bytes);
};
const text = (value: string) => new Uint8Array(Buffer.from(value));

export const arbitraryKey: fc.Arbitrary<Uint8Array> = fc.constantFrom('a', 'bb', 'ccc').map(text);
const arbitraryValue = fc.constantFrom('', 'x', 'y', 'yy', 'a value that is longer than the loop copies').map(text);
const smallTimestamp = fc.bigInt({ min: 1n, max: 8n });
const arbitraryTimestamp = fc.oneof(
  { weight: 12, arbitrary: smallTimestamp },
  {
    weight: 1,
    arbitrary: fc.constantFrom(-3n, 0n, 2n ** 32n, 2n ** 31n, -(2n ** 32n), 2n ** 63n - 1n, -(2n ** 63n) + 1n),
  },
);
const arbitrarySecond = fc.integer({ min: 90, max: 110 });
const arbitraryDeletion: fc.Arbitrary<ModelDeletion> = fc.record({
  timestamp: arbitraryTimestamp,
  time: fc.integer({ min: 50, max: 100 }),
});
const arbitraryTtl = fc.oneof(
  { weight: 3, arbitrary: fc.constant(0) },
  { weight: 2, arbitrary: fc.constantFrom(5, 20) },
);
const arbitraryRow = fc.tuple(fc.constantFrom(-1, 0, 1, 2).map(int32), fc.constantFrom('', 'a', 'b').map(text));

const listPath = (n: number) => {
  const bytes = new Uint8Array(16);
  bytes[3] = n;
  bytes[6] = 0x10;
  bytes[15] = n === 2 ? 0x80 : n;
  return bytes;
};
const paths: Readonly<Record<number, fc.Arbitrary<Uint8Array>>> = {
  4: fc.constantFrom(-2, 3).map(int32),
  6: fc.constantFrom(-1, 0, 7).map(int32),
  7: fc.constantFrom(1, 2, 3).map(listPath),
};

function arbitraryCell(column: number): fc.Arbitrary<ModelCell> {
  const path = paths[column];
  return fc
    .record({
      path: path ?? fc.constant(undefined),
      timestamp: arbitraryTimestamp,
      deadAt: fc.oneof(
        { weight: 3, arbitrary: fc.constant(undefined) },
        { weight: 1, arbitrary: fc.integer({ min: 50, max: 100 }) },
      ),
      ttl: arbitraryTtl,
      expiry: arbitrarySecond,
      value: column === 4 ? fc.constant(new Uint8Array(0)) : arbitraryValue,
    })
    .map((cell) => {
      if (cell.deadAt !== undefined) return { ...cell, column, ttl: 0, expiry: 0, value: new Uint8Array(0) };
      return cell.ttl === 0 ? { ...cell, column, expiry: 0 } : { ...cell, column };
    });
}

export function arbitraryBody(isStatic: boolean, withShadowable: boolean): fc.Arbitrary<ModelBody> {
  const columns = isStatic ? STATIC_COLUMNS : REGULAR_COLUMNS;
  const cells = fc.uniqueArray(fc.constantFrom(...columns).chain(arbitraryCell), {
    maxLength: 5,
    selector: (cell) => `${cell.column}/${cell.path === undefined ? '' : Buffer.from(cell.path).toString('hex')}`,
  });
  const complexDeletions = fc.uniqueArray(
    fc.record({
      column: fc.constantFrom(...columns.filter((id) => paths[id] !== undefined)),
      timestamp: arbitraryTimestamp,
      time: fc.integer({ min: 50, max: 100 }),
    }),
    { maxLength: 2, selector: (deletion) => deletion.column },
  );
  const liveness = fc
    .record({
      timestamp: arbitraryTimestamp,
      ttl: fc.oneof(
        { weight: 4, arbitrary: arbitraryTtl },
        { weight: 1, arbitrary: fc.constant<number>(EXPIRED_LIVENESS_TTL) },
      ),
      expiry: arbitrarySecond,
    })
    .map((marker) => (marker.ttl === 0 ? { ...marker, expiry: 0 } : marker));
  const rarely = <T>(arbitrary: fc.Arbitrary<T>) =>
    fc.oneof({ weight: 4, arbitrary: fc.constant(undefined) }, { weight: 1, arbitrary });
  return fc.record({
    liveness: isStatic ? fc.constant(undefined) : fc.option(liveness, { nil: undefined }),
    deletion: isStatic ? fc.constant(undefined) : rarely(arbitraryDeletion),
    shadowable: isStatic || !withShadowable ? fc.constant(undefined) : rarely(arbitraryDeletion),
    complexDeletions,
    cells,
  });
}

const arbitraryPosition: fc.Arbitrary<ModelPosition> = fc
  .tuple(arbitraryRow, fc.integer({ min: 0, max: 2 }), fc.constantFrom(-1, 1))
  .map(([values, length, weight]) => ({ values: values.slice(0, length), weight }));

export function arbitraryWrite(withShadowable: boolean): fc.Arbitrary<ModelWrite> {
  const rows = fc.record({
    kind: fc.constant('row' as const),
    key: arbitraryKey,
    values: arbitraryRow,
    body: arbitraryBody(false, withShadowable),
  });
  const statics = fc.record({
    kind: fc.constant('static' as const),
    key: arbitraryKey,
    body: arbitraryBody(true, false),
  });
  const ranges = fc.record({
    kind: fc.constant('range' as const),
    key: arbitraryKey,
    start: arbitraryPosition,
    end: arbitraryPosition,
    deletion: arbitraryDeletion,
  });
  const partitions = fc.record({
    kind: fc.constant('partition' as const),
    key: arbitraryKey,
    deletion: fc.record({ timestamp: fc.bigInt({ min: -2n, max: 4n }), time: fc.integer({ min: 50, max: 100 }) }),
  });
  return fc.oneof(
    { weight: 10, arbitrary: rows },
    { weight: 3, arbitrary: statics },
    { weight: 5, arbitrary: ranges },
    { weight: 1, arbitrary: partitions },
  );
}

function arbitrarySlices(): fc.Arbitrary<readonly ClusteringSlice[]> {
  const compare = (a: ModelPosition, b: ModelPosition) => {
    const left = clusteringPrefix(a.values);
    const right = clusteringPrefix(b.values);
    return MODEL_TABLE.comparator.compare(left, 0, left.length, a.weight, right, 0, right.length, b.weight);
  };
  const some = fc
    .uniqueArray(arbitraryPosition, { minLength: 2, maxLength: 6, comparator: (a, b) => compare(a, b) === 0 })
    .map((positions) => {
      const sorted = positions.toSorted(compare);
      const slices: ClusteringSlice[] = [];
      for (let i = 0; i + 1 < sorted.length; i += 2) {
        const [start, end] = [sorted[i]!, sorted[i + 1]!];
        slices.push({
          start: clusteringPrefix(start.values),
          startWeight: start.weight,
          end: clusteringPrefix(end.values),
          endWeight: end.weight,
        });
      }
      return slices;
    });
  return fc.oneof({ weight: 1, arbitrary: fc.constant([ALL_ROWS]) }, { weight: 2, arbitrary: some });
}

export const arbitrarySlice: fc.Arbitrary<PartitionSlice> = fc.record({
  slices: arbitrarySlices(),
  isReversed: fc.boolean(),
  wantsRows: fc.oneof({ weight: 9, arbitrary: fc.constant(true) }, { weight: 1, arbitrary: fc.constant(false) }),
  wantsStatics: fc.boolean(),
});

/** Numbers from 0 to 1, the same for the same seed. */
export function seededRandom(seed: number): () => number {
  let state = seed | 1;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) / 2 ** 32;
  };
}

/** The i-th write with timestamps of its own: two writes of one time, one of which expires, are decided by who expires first. */
export function withOwnTime(write: ModelWrite, i: number): ModelWrite {
  const timestamp = BigInt(i * 2 + 2);
  if (write.kind === 'partition' || write.kind === 'range')
    return { ...write, deletion: { ...write.deletion, timestamp } };
  const { liveness, deletion, complexDeletions, cells } = write.body;
  const body: ModelBody = {
    liveness: liveness && { ...liveness, timestamp },
    deletion: deletion && { ...deletion, timestamp: timestamp - 1n },
    shadowable: undefined,
    complexDeletions: complexDeletions.map((part) => ({ ...part, timestamp: timestamp - 1n })),
    cells: cells.map((cell) => ({ ...cell, timestamp })),
  };
  return { ...write, body };
}
