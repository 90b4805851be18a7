import { describe, expect, test } from 'vitest';
import { ByteWriter } from '../../core/bytes.ts';
import { INT64_MIN_HI, INT64_MIN_LO } from '../../core/int64.ts';
import { NO_DELETION_TIME, RowBodyWriter } from '../../core/mutation/row-body.ts';
import { NO_LIMIT } from '../../core/read/read-command.ts';
import { FragmentKind, RowBatch } from '../../core/read/row-batch.ts';
import { clusteringPrefix } from '../../core/schema/clustering-prefix.ts';
import { MiniDatabase } from '../../test/support/mini-database.ts';
import { parseValues } from '../../test/support/statement-values.ts';
import { type BoundSelect, PlanKind, type SelectOptions, type SelectPlan } from './plan.ts';

const database = new MiniDatabase(
  'CREATE TABLE t (p int, c int, s int STATIC, v blob, n int, PRIMARY KEY (p, c))',
  'CREATE TABLE plain (p int, c int, v blob, PRIMARY KEY (p, c))',
);

function planOf(text: string): SelectPlan {
  const plan = database.plan(text);
  if (plan.kind !== PlanKind.Select) throw new Error('no SELECT');
  return plan;
}

function bind(text: string, values = '', options: Partial<SelectOptions> = {}): BoundSelect {
  const plan = planOf(text);
  const all = { pageSize: 0, pagingState: undefined, isSerial: false, ...options };
  return plan.bind(parseValues(values, plan.markers), all, database.context);
}

describe('what a SELECT asks of replicas', () => {
  const limitsOf = ({ command }: BoundSelect) => [command!.rowLimit, command!.perPartitionRowLimit];

  test('is no more rows than the result can take', () => {
    expect(limitsOf(bind('SELECT * FROM t'))).toEqual([NO_LIMIT, NO_LIMIT]);
    expect(limitsOf(bind('SELECT * FROM t LIMIT 7'))).toEqual([7, NO_LIMIT]);
    expect(limitsOf(bind('SELECT * FROM t', '', { pageSize: 10 }))).toEqual([11, NO_LIMIT]);
    expect(limitsOf(bind('SELECT * FROM t LIMIT 7', '', { pageSize: 10 }))).toEqual([7, NO_LIMIT]);
    expect(limitsOf(bind('SELECT * FROM t PER PARTITION LIMIT 3'))).toEqual([NO_LIMIT, 3]);
    expect(limitsOf(bind('SELECT DISTINCT p FROM t LIMIT 4'))).toEqual([4, 1]);
    expect(limitsOf(bind('SELECT * FROM t WHERE p IN (1, 2) ORDER BY c PER PARTITION LIMIT 9 LIMIT 4'))).toEqual([
      NO_LIMIT,
      4,
    ]);
  });

  test('is every row where filters or groups decide', () => {
    expect(limitsOf(bind('SELECT * FROM t WHERE n = 1 PER PARTITION LIMIT 3 LIMIT 7 ALLOW FILTERING'))).toEqual([
      NO_LIMIT,
      NO_LIMIT,
    ]);
    expect(limitsOf(bind('SELECT count(*) FROM t LIMIT 1', '', { pageSize: 5 }))).toEqual([NO_LIMIT, NO_LIMIT]);
    expect(limitsOf(bind('SELECT p FROM t GROUP BY p PER PARTITION LIMIT 1 LIMIT 3'))).toEqual([NO_LIMIT, NO_LIMIT]);
  });

  test('is the static row only where it is needed', () => {
    const statics = (text: string) => bind(text).command!.slice.wantsStatics;
    expect(statics('SELECT n FROM t WHERE p = 1')).toBe(true);
    expect(statics('SELECT n FROM t WHERE p = 1 AND c = 1')).toBe(false);
    expect(statics('SELECT s FROM t WHERE p = 1 AND c = 1')).toBe(true);
    expect(statics('SELECT writetime(s) FROM t WHERE p = 1 AND c = 1')).toBe(true);
    expect(statics('SELECT v FROM plain')).toBe(false);
  });

  test('goes on where the last page ended, with what is left of the limits', () => {
    const text = 'SELECT c FROM t PER PARTITION LIMIT 4 LIMIT 9';
    for (let c = 0; c < 9; c++) database.execute(`INSERT INTO t (p, c) VALUES (1, ${c})`);
    const first = database.select(text, '', { pageSize: 3 });
    const { command } = bind(text, '', { pageSize: 2, pagingState: first.pagingState });
    expect(command!.resume).toEqual({
      position: clusteringPrefix([Uint8Array.of(0, 0, 0, 2)]),
      weight: 0,
      rowsTaken: 3,
    });
    expect(command!.range!.startKey).toEqual(Uint8Array.of(0, 0, 0, 1));
    expect(command!.rowLimit).toBe(3);
    expect(bind(text, '', { pageSize: 100, pagingState: first.pagingState }).command!.rowLimit).toBe(6);
    database.execute('DELETE FROM t WHERE p = 1');
  });

  test('is nothing when nothing can match', () => {
    for (const text of [
      'SELECT * FROM t WHERE p IN ()',
      'SELECT * FROM t WHERE p = null',
      'SELECT * FROM t WHERE p = 1 AND c > 2 AND c < 2',
      'SELECT * FROM t WHERE n = null ALLOW FILTERING',
      'SELECT * FROM t WHERE token(p) > 9223372036854775807',
    ]) {
      const bound = bind(text);
      expect([text, bound.command]).toEqual([text, undefined]);
      bound.finish(true);
      expect(bound.rowCount).toBe(0);
      expect(bound.pagingState).toBeUndefined();
    }
  });

  test.each(['p IN ? AND c = 1', 'p = 1 AND c IN ?', 'p = 1 AND (c) IN ?'])(
    'is at most 100 combinations: %s',
    (where) => {
      const list = (count: number) => {
        const values = Array.from({ length: count }, (_, i) => (where.includes('(c)') ? `(${i})` : i));
        return `[${values.join(', ')}]`;
      };
      const text = `SELECT * FROM t WHERE ${where}`;
      expect(() => bind(text, list(101))).toThrow(
        /(partition|clustering)-key cartesian product size 101 is greater than maximum 100/,
      );
      expect(bind(text, list(100)).command).toBeDefined();
      const repeated = list(100).replace(']', `, ${where.includes('(c)') ? '(1)' : '1'}]`);
      expect(bind(text, repeated).command).toBeDefined();
    },
  );

  test('is made of copies: the request may be overwritten', () => {
    const text = 'SELECT * FROM t WHERE p = ? AND c >= ? AND n = ? ALLOW FILTERING';
    const plan = planOf(text);
    const values = parseValues('5 | 6 | 7', plan.markers);
    const { command } = plan.bind(values, { pageSize: 0, pagingState: undefined, isSerial: false }, database.context);
    values.bytes.fill(0xff);
    expect(command!.partitions[0]!.key).toEqual(Uint8Array.of(0, 0, 0, 5));
    expect(command!.slice.slices[0]!.start).toEqual(Uint8Array.of(0, 4, 0, 0, 0, 6));
  });
});

describe('a page', () => {
  /** A batch with one row of partition 1, with a value of so many bytes. */
  function rowBatch(c: number, valueBytes: number, isStart: boolean): RowBatch {
    const batch = new RowBatch(4);
    const key = Uint8Array.of(0, 0, 0, 1);
    if (isStart) batch.addPartitionStart(0, 0, key, 0, 4, INT64_MIN_HI, INT64_MIN_LO, NO_DELETION_TIME);
    const prefix = clusteringPrefix([Uint8Array.of(c >>> 24, c >>> 16, c >>> 8, c)]);
    const out = new ByteWriter();
    const body = new RowBodyWriter();
    body.begin(out);
    body.liveness(0, 1, 0, 0);
    body.cell(
      database.schema.keyspaces.get('ks')!.tables.get('t')!.column('v')!.id,
      0,
      1,
      0,
      0,
      new Uint8Array(valueBytes),
      0,
      valueBytes,
    );
    batch.beginFragment(FragmentKind.Row, 0, prefix, 0, prefix.length);
    batch.writer.raw(out.bytes, 0, out.length);
    batch.endFragment();
    return batch;
  }
  const feed = (bound: BoundSelect, valueBytes: number): number => {
    for (let c = 0; ; c++) if (!bound.accept(rowBatch(c, valueBytes, c === 0))) return c;
  };

  test('ends after the row that passes 1 MiB', () => {
    const bound = bind('SELECT c, v FROM t WHERE p = 1', '', { pageSize: 5000 });
    expect(feed(bound, 300_000)).toBe(4); // the fifth row is refused
    bound.finish(false);
    expect(bound.rowCount).toBe(4);
    const next = bind('SELECT c, v FROM t WHERE p = 1', '', { pageSize: 5000, pagingState: bound.pagingState });
    expect(next.command!.resume!.position).toEqual(clusteringPrefix([Uint8Array.of(0, 0, 0, 3)]));
  });

  test('ends when filters have looked at 64 MiB, even without a row', () => {
    const text = 'SELECT c FROM t WHERE p = 1 AND n = 1 ALLOW FILTERING';
    const bound = bind(text, '', { pageSize: 5000 });
    const last = feed(bound, 1 << 20);
    expect(last).toBe(63);
    bound.finish(false);
    expect(bound.rowCount).toBe(0);
    const next = bind(text, '', { pageSize: 5000, pagingState: bound.pagingState });
    expect(next.command!.resume!.position).toEqual(clusteringPrefix([Uint8Array.of(0, 0, 0, 63)]));
  });

  test('does not give a static row alone when the rest of the partition went away after the last page', () => {
    database.execute('INSERT INTO t (p, s) VALUES (7, 70)');
    database.execute('INSERT INTO t (p, c) VALUES (7, 1)');
    database.execute('INSERT INTO t (p, c) VALUES (7, 2)');
    const text = 'SELECT c, s FROM t WHERE p = 7';
    const first = database.select(text, '', { pageSize: 1 });
    expect(first.rows).toEqual([['1', '70']]);
    database.execute('DELETE FROM t WHERE p = 7 AND c = 2');
    const second = database.select(text, '', { pageSize: 1, pagingState: first.pagingState });
    expect(second).toEqual({ rows: [], pagingState: undefined });
  });

  test('of a released run does not disturb the next one', () => {
    const plan = planOf('SELECT c FROM t WHERE p = 1');
    const options = { pageSize: 0, pagingState: undefined, isSerial: false };
    const values = parseValues('', plan.markers);
    const one = plan.bind(values, options, database.context);
    one.accept(rowBatch(1, 1, true));
    one.release();
    one.release();
    const two = plan.bind(values, options, database.context);
    const three = plan.bind(values, options, database.context);
    expect(two).not.toBe(three);
    expect(two.rowCount).toBe(0);
    two.finish(true);
    expect(two.rows.length).toBe(0);
  });
});
