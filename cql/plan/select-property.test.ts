import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { InvalidRequestError } from '../../core/errors.ts';
import { MiniDatabase, type ReadStyle } from '../../test/support/mini-database.ts';

/** Random data and statements against models that are slow and short. Few values, so that everything collides. */

const small = fc.integer({ min: 0, max: 3 });
const rowArbitrary = fc.record({ p: small, a: small, b: small, c: small, v: fc.option(small, { nil: undefined }) });
type Row = { p: number; a: number; b: number; c: number; v: number | undefined };
const dataArbitrary = fc.record({
  rows: fc.array(rowArbitrary, { maxLength: 40 }),
  statics: fc.array(fc.record({ p: fc.integer({ min: 0, max: 5 }), s: small }), { maxLength: 4 }),
  deleted: fc.array(fc.record({ p: small, a: small }), { maxLength: 2 }),
});
type Data = {
  readonly rows: readonly Row[];
  readonly statics: readonly { p: number; s: number }[];
  readonly deleted: readonly { p: number; a: number }[];
};
const styleArbitrary: fc.Arbitrary<ReadStyle> = fc.record({
  capacity: fc.integer({ min: 2, max: 9 }),
  remotePageBytes: fc.constantFrom(undefined, 1, 60, 1 << 20),
});
/** Clustering columns that are DESC. */
const ORDERS = ['ASC, b ASC, c ASC', 'ASC, b DESC, c ASC', 'DESC, b ASC, c DESC', 'DESC, b DESC, c DESC'];

function load({ rows, statics, deleted }: Data, order: string): MiniDatabase {
  const database = new MiniDatabase(
    `CREATE TABLE t (p int, a int, b int, c int, s int STATIC, v int, PRIMARY KEY (p, a, b, c)) WITH CLUSTERING ORDER BY (a ${order})`,
  );
  for (const { p, a, b, c, v } of rows) {
    database.execute(`INSERT INTO t (p, a, b, c, v) VALUES (${p}, ${a}, ${b}, ${c}, ${v ?? 'null'})`);
  }
  for (const { p, s } of statics) database.execute(`INSERT INTO t (p, s) VALUES (${p}, ${s})`);
  for (const { p, a } of deleted) database.execute(`DELETE FROM t WHERE p = ${p} AND a = ${a}`);
  return database;
}

const RUNS = { numRuns: 150 };

describe('pages', () => {
  const limits = fc.constantFrom('', ' LIMIT 1', ' LIMIT 5', ' LIMIT 17');
  const perPartition = fc.constantFrom('', ' PER PARTITION LIMIT 1', ' PER PARTITION LIMIT 3');
  const keys = fc.constantFrom(
    '',
    ' WHERE p IN (3, 0, 2, 5)',
    ' WHERE p = 1',
    ' WHERE token(p) > -3485513579396041028',
  );
  const slices = fc.constantFrom(
    '',
    ' AND a > 0',
    ' AND a IN (0, 2) AND b >= 1',
    ' AND (a, b) > (0, 1) AND (a, b, c) <= (2, 2, 2)',
  );
  const filters = fc.constantFrom('', ' AND v > 1', ' AND s < 3');
  const lists = fc.constantFrom('*', 'p, a, b, c', 'v, s', 'token(p), a, writetime(v), cast(b AS text)');
  const groups = fc.constantFrom('p', 'p, a', 'p, a, b', 'p, a, b, c');
  const plain = fc
    .tuple(lists, keys, slices, filters, perPartition, limits)
    .map(([list, key, slice, filter, each, limit]) => {
      const where = key === '' ? '' : `${key}${key.includes('token') ? '' : slice}${filter}`;
      return `SELECT ${list} FROM t${where}${each}${limit} ALLOW FILTERING`;
    });
  const reversed = fc
    .tuple(slices, filters, perPartition, limits)
    .map(
      ([slice, filter, each, limit]) =>
        `SELECT * FROM t WHERE p = 1${slice}${filter} ORDER BY a ^${each}${limit} ALLOW FILTERING`,
    );
  const grouped = fc
    .tuple(keys, filters, groups, perPartition, limits)
    .map(
      ([key, filter, group, each, limit]) =>
        `SELECT p, a, b, c, count(*), sum(v), max(s) FROM t${key}${key === '' ? '' : filter} GROUP BY ${group}${each}${limit} ALLOW FILTERING`,
    );
  const distinct = fc
    .tuple(keys, limits, fc.constantFrom('', ' AND s > 0'))
    .map(
      ([key, limit, filter]) => `SELECT DISTINCT p, s FROM t${key}${key === '' ? '' : filter}${limit} ALLOW FILTERING`,
    );
  const statements = fc.oneof(plain, reversed, grouped, distinct);

  test('of any size and way of reading make up the whole answer', () => {
    const property = fc.property(
      dataArbitrary,
      fc.constantFrom(...ORDERS),
      fc.array(statements, { minLength: 5, maxLength: 5 }),
      fc.integer({ min: 1, max: 7 }),
      styleArbitrary,
      (data, order, texts, pageSize, style) => {
        const database = load(data, order);
        for (const text of texts) {
          const against = order.startsWith('ASC') ? 'DESC' : 'ASC';
          const statement = text.replace('^', against);
          const whole = database.select(statement).rows;
          expect(database.select(statement, '', { style }).rows).toEqual(whole);
          const pages = database.selectAll(statement, '', pageSize, style);
          expect(pages.flat()).toEqual(whole);
          for (const page of pages) expect(page.length).toBeLessThanOrEqual(pageSize);
          // Every page but the last is full: nobody waits for a page of nothing.
          for (const page of pages.slice(0, -1)) expect(page.length).toBe(pageSize);
          if (whole.length > 0) expect(pages.at(-1)!.length).toBeGreaterThan(0);
        }
      },
    );
    fc.assert(property, RUNS);
  });
});

describe('WHERE', () => {
  /** Conditions on a row, as CQL and as code. */
  interface Condition {
    readonly text: string;
    readonly holds: (row: Row) => boolean;
  }
  const COLUMNS = ['a', 'b', 'c'] as const;
  const operators = fc.constantFrom('<', '<=', '>', '>=');
  const compare = (order: number, operator: string) =>
    operator === '<' ? order < 0 : operator === '<=' ? order <= 0 : operator === '>' ? order > 0 : order >= 0;
  const tupleOrder = (row: Row, first: number, values: readonly number[]) => {
    for (const [i, value] of values.entries()) {
      const order = row[COLUMNS[first + i]!] - value;
      if (order !== 0) return order;
    }
    return 0;
  };
  const equal = (column: 'a' | 'b' | 'c'): fc.Arbitrary<Condition> =>
    small.map((value) => ({ text: `${column} = ${value}`, holds: (row) => row[column] === value }));
  const among = (column: 'a' | 'b' | 'c'): fc.Arbitrary<Condition> =>
    fc.array(small, { maxLength: 3 }).map((values) => ({
      text: `${column} IN (${values})`,
      holds: (row) => values.includes(row[column]),
    }));
  const bound = (column: 'a' | 'b' | 'c'): fc.Arbitrary<Condition> =>
    fc.tuple(operators, small).map(([operator, value]) => ({
      text: `${column} ${operator} ${value}`,
      holds: (row) => compare(row[column] - value, operator),
    }));
  const tupleBound = (first: number, operator: fc.Arbitrary<string>): fc.Arbitrary<Condition> =>
    fc.tuple(operator, fc.array(small, { minLength: 1, maxLength: 3 - first })).map(([sign, values]) => ({
      text: `(${COLUMNS.slice(first, first + values.length)}) ${sign} (${values})`,
      holds: (row) => compare(tupleOrder(row, first, values), sign),
    }));
  const tupleRange = (first: number): fc.Arbitrary<readonly Condition[]> =>
    fc.oneof(
      fc.tuple(tupleBound(first, operators)),
      fc.tuple(tupleBound(first, fc.constantFrom('>', '>=')), tupleBound(first, fc.constantFrom('<', '<='))),
    );
  const tupleAmong: fc.Arbitrary<Condition> = fc.array(fc.tuple(small, small), { maxLength: 3 }).map((tuples) => ({
    text: `(a, b) IN (${tuples.map(([a, b]) => `(${a}, ${b})`)})`,
    holds: (row) => tuples.some(([a, b]) => row.a === a && row.b === b),
  }));
  const point = (column: 'a' | 'b' | 'c') => fc.oneof(equal(column), among(column));
  const conditions: fc.Arbitrary<readonly Condition[]> = fc.oneof(
    fc.constant([]),
    fc.tuple(point('a')),
    fc.tuple(bound('a')),
    fc.tuple(point('a'), point('b')),
    fc.tuple(point('a'), bound('b')),
    fc.tuple(point('a'), point('b'), point('c')),
    fc.tuple(point('a'), point('b'), bound('c')),
    fc.tuple(tupleAmong),
    fc.tuple(tupleAmong, tupleBound(2, operators)),
    tupleRange(0),
    fc.tuple(point('a'), tupleRange(1)).map(([first, rest]) => [first, ...rest]),
    // These need filtering.
    fc.tuple(point('b')),
    fc.tuple(bound('a'), point('b'), bound('c')),
    tupleRange(1),
  );

  test('finds the rows that a look at each row finds, in the order of the table', () => {
    const property = fc.property(
      dataArbitrary,
      fc.constantFrom(...ORDERS),
      fc.array(fc.tuple(fc.constantFrom('p = 1', 'p IN (2, 1)', 'p >= 1'), conditions), { minLength: 8, maxLength: 8 }),
      styleArbitrary,
      (data, order, wheres, style) => {
        const database = load(data, order);
        const all: Row[] = database
          .select('SELECT p, a, b, c, v FROM t WHERE p IN (0, 1, 2, 3) AND a >= 0')
          .rows.map((cells) => {
            const [p, a, b, c, v] = cells.map((cell) => (cell === null ? undefined : Number(cell)));
            return { p: p!, a: a!, b: b!, c: c!, v };
          });
        for (const [key, where] of wheres) {
          const texts = [key, ...where.map(({ text }) => text)];
          // a >= 0 keeps static rows that stand alone out, where nothing else does.
          const needsGuard = where.length === 0;
          const text = `SELECT p, a, b, c FROM t WHERE ${texts.join(' AND ')}${needsGuard ? ' AND a >= 0' : ''} ALLOW FILTERING`;
          const found = database.select(text, '', { style }).rows.map((row) => row.map(Number));
          const isKey = ({ p }: Row) => (key === 'p = 1' ? p === 1 : key === 'p >= 1' ? p >= 1 : p === 1 || p === 2);
          const expected = all.filter((row) => isKey(row) && where.every(({ holds }) => holds(row)));
          const rows = expected.map(({ p, a, b, c }) => [p, a, b, c]);
          if (key === 'p >= 1') expect(found.toSorted()).toEqual(rows.toSorted());
          else expect(found).toEqual(rows);
        }
      },
    );
    fc.assert(property, RUNS);
  });
});

describe('sums', () => {
  const WIDTHS = { tinyint: 8, smallint: 16, int: 32, bigint: 64 } as const;
  test.each(Object.keys(WIDTHS) as (keyof typeof WIDTHS)[])('of %s are exact or refused', (type) => {
    const bits = WIDTHS[type];
    const least = -(2n ** BigInt(bits - 1));
    const values = fc.array(
      fc.oneof(fc.bigInt({ min: least, max: -least - 1n }), fc.constantFrom(least, -least - 1n, 0n, 1n)),
      { maxLength: 12 },
    );
    const property = fc.property(values, (list) => {
      const database = new MiniDatabase(`CREATE TABLE t (p int PRIMARY KEY, v ${type})`);
      for (const [i, value] of list.entries()) database.execute(`INSERT INTO t (p, v) VALUES (${i}, ${value})`);
      const sum = list.reduce((total, value) => total + value, 0n);
      const average = list.length === 0 ? 0n : sum / BigInt(list.length);
      expect(database.select('SELECT avg(v) FROM t').rows).toEqual([[String(average)]]);
      const ask = () => database.select('SELECT sum(v) FROM t').rows;
      if (BigInt.asIntN(bits, sum) === sum) expect(ask()).toEqual([[String(sum)]]);
      else expect(ask).toThrow('Sum overflow');
    });
    fc.assert(property, { numRuns: 40 });
  });

  test('of varint and decimal are exact', () => {
    const big = fc.bigInt({ min: -(2n ** 200n), max: 2n ** 200n });
    const property = fc.property(fc.array(fc.tuple(big, fc.integer({ min: 0, max: 9 })), { maxLength: 8 }), (list) => {
      const database = new MiniDatabase('CREATE TABLE t (p int PRIMARY KEY, v varint, d decimal)');
      for (const [i, [value, scale]] of list.entries()) {
        database.execute(`INSERT INTO t (p, v, d) VALUES (${i}, ${value}, ${value}e-${scale})`);
      }
      const sum = list.reduce((total, [value]) => total + value, 0n);
      const scaled = list.reduce((total, [value, scale]) => total + value * 10n ** BigInt(9 - scale), 0n);
      const [row] = database.select('SELECT sum(v), sum(d) FROM t').rows;
      expect(row![0]).toBe(String(sum));
      const [, digits = '', fraction = '', exponent = '0'] = /^(-?\d+)(?:\.(\d+))?(?:E(.+))?$/.exec(row![1]!)!;
      const unscaled = BigInt(digits + fraction);
      expect(unscaled * 10n ** BigInt(9 - fraction.length + Number(exponent))).toBe(scaled);
    });
    fc.assert(property, { numRuns: 60 });
  });
});

describe('paging states', () => {
  const database = load(
    {
      rows: [0, 1, 2, 3].flatMap((p) => [0, 1, 2].map((a) => ({ p, a, b: a, c: a, v: a }))),
      statics: [],
      deleted: [],
    },
    ORDERS[1]!,
  );
  const STATEMENTS = [
    ['SELECT * FROM t', ''],
    ['SELECT * FROM t WHERE p IN (1, 2, 3)', ''],
    ['SELECT * FROM t WHERE p = ? ORDER BY a DESC', '1'],
    ['SELECT p, a, count(*) FROM t GROUP BY p, a', ''],
  ] as const;
  const stateOf = (text: string, values: string, pageSize: number) =>
    database.select(text, values, { pageSize }).pagingState!;

  test('that were changed are refused or name another place, and break nothing', () => {
    const property = fc.property(
      fc.constantFrom(...STATEMENTS),
      fc.integer({ min: 1, max: 2 }),
      fc.array(fc.tuple(fc.nat(), fc.integer({ min: 1, max: 255 })), { minLength: 1, maxLength: 3 }),
      fc.boolean(),
      ([text, values], pageSize, flips, repairsCheck) => {
        const state = stateOf(text, values, pageSize);
        for (const [at, bits] of flips) state[at % state.length]! ^= bits;
        if (repairsCheck) repair(state);
        try {
          database.select(text, values, { pageSize, pagingState: state });
        } catch (error) {
          expect(error).toBeInstanceOf(InvalidRequestError);
        }
      },
    );
    fc.assert(property, { numRuns: 1000 });
  });

  test('of other statements, values or nonsense are refused', () => {
    const state = stateOf('SELECT * FROM t WHERE p = ? ORDER BY a DESC', '1', 1);
    const ask = (text: string, values: string, pagingState: Uint8Array) => () =>
      database.select(text, values, { pageSize: 1, pagingState });
    expect(ask('SELECT * FROM t WHERE p = ? ORDER BY a DESC', '2', state)).toThrow(
      'paging state: it belongs to other values',
    );
    expect(ask('SELECT * FROM t WHERE p = ?', '1', state)).toThrow('paging state: it belongs to another statement');
    expect(ask('SELECT count(*) FROM t', '', state)).toThrow('paging state: the statement has one page only');
    expect(ask('SELECT * FROM t', '', new Uint8Array(0))).toThrow('paging state');
    expect(ask('SELECT * FROM t', '', new Uint8Array(100))).toThrow('paging state');
    expect(ask('SELECT * FROM t WHERE p = ? ORDER BY a DESC', '1', state)).not.toThrow();
  });

  test('with nothing left of a limit are refused', () => {
    for (const at of [23, 27]) {
      const state = stateOf('SELECT * FROM t', '', 1);
      state.fill(0, at, at + 4);
      repair(state);
      expect(() => database.select('SELECT * FROM t', '', { pagingState: state })).toThrow('paging state: limits');
    }
  });

  test('work with another page size, and in another process of the same schema', () => {
    const [text, values] = STATEMENTS[0];
    const first = database.select(text, values, { pageSize: 2 });
    const rest = database.select(text, values, { pageSize: 100, pagingState: first.pagingState });
    expect([...first.rows, ...rest.rows]).toEqual(database.select(text).rows);
    expect(Buffer.from(first.pagingState!).toString('hex')).toMatchInlineSnapshot(
      `"010300000000000000400080000000000000026d9b2b3effffffffffffffff0000000000040000000100120004000000010004000000010004000000011eec17c0"`,
    );
  });
});

/** Puts the right check sum at the end of a paging state, as a forger would. */
function repair(state: Uint8Array): void {
  let crc = 0xffff_ffff;
  for (let i = 0; i < state.length - 4; i++) {
    crc ^= state[i]!;
    for (let k = 0; k < 8; k++) crc = crc & 1 ? (crc >>> 1) ^ 0xedb8_8320 : crc >>> 1;
  }
  new DataView(state.buffer, state.byteOffset).setUint32(state.length - 4, ~crc >>> 0);
}
