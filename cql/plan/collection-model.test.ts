import fc from 'fast-check';
import { expect, test } from 'vitest';
import { writeI32BE } from '../../core/bytes.ts';
import { InvalidRequestError } from '../../core/errors.ts';
import { MutationChecker } from '../../core/mutation/check.ts';
import { MutationList } from '../../core/mutation/mutation-list.ts';
import { RowBatchPool } from '../../core/read/batch-pool.ts';
import { LiveFilter, liveCursor } from '../../core/read/live-cursor.ts';
import { openRead } from '../../core/read/open-read.ts';
import { RowBatch } from '../../core/read/row-batch.ts';
import { encodeList, encodeMap, encodeSet } from '../../core/types/collection-codec.ts';
import { intType } from '../../core/types/int.ts';
import { makeSchema } from '../../test/support/make-table.ts';
import { MemorySource } from '../../test/support/memory-source.ts';
import { boundValues, FixedContext, type GivenValue } from '../../test/support/statement-values.ts';
import type { ModificationStatement } from '../language/ast.ts';
import { parseStatement } from '../language/parser.ts';
import { planModification } from './modify.ts';
import type { ModifyPlan } from './plan.ts';

/** Random changes of collections, one statement each, against arrays and maps of JavaScript; judged by an IF on the whole values. */

const schema = makeSchema('CREATE TABLE t (p int PRIMARY KEY, l list<int>, s set<int>, m map<int, int>, v int)');
const table = schema.keyspaces.get('ks')!.tables.get('t')!;

const plans = new Map<string, ModifyPlan>();
function planOf(text: string): ModifyPlan {
  const known = plans.get(text);
  if (known !== undefined) return known;
  const plan = planModification(parseStatement(text) as ModificationStatement, schema, 'ks') as ModifyPlan;
  plans.set(text, plan);
  return plan;
}

function int(value: number): Uint8Array {
  const bytes = new Uint8Array(4);
  writeI32BE(bytes, 0, value);
  return bytes;
}
const list = (items: readonly number[]): Uint8Array => encodeList(items.map(int));
const set = (items: Iterable<number>): Uint8Array => encodeSet(intType, [...items].map(int));
const map = (entries: Iterable<readonly [number, number]>): Uint8Array => {
  const all = [...entries];
  return encodeMap(
    intType,
    all.map(([key]) => int(key)),
    all.map(([, value]) => int(value)),
  );
};

class Table {
  readonly #source: MemorySource = new MemorySource(table);
  readonly #context: FixedContext = new FixedContext();
  readonly #checker: MutationChecker = new MutationChecker(table);

  /** True unless a condition failed. */
  run(text: string, given: readonly GivenValue[]): boolean {
    const plan = planOf(text);
    const mutations = new MutationList();
    this.#context.advance();
    let isApplied = true;
    if (plan.needsRead || plan.isConditional) {
      const bound = plan.bindReadModify(boundValues(given), this.#context);
      const { command } = bound;
      const merged = openRead(this.#source, command, table.comparator);
      const cursor = liveCursor(merged, new LiveFilter(table, command.nowSeconds), new RowBatchPool());
      const batch = new RowBatch(1);
      for (; cursor.fill(batch) > 0; batch.clear()) bound.accept(batch);
      cursor.close();
      this.#context.advance();
      isApplied = bound.decide(this.#context, mutations);
    } else {
      plan.bind(boundValues(given), this.#context, mutations);
    }
    for (let i = 0; i < mutations.count; i++) {
      const start = mutations.starts[i]!;
      const end = mutations.ends[i]!;
      expect(this.#checker.check(mutations.bytes, start, end)).toBeUndefined();
      this.#source.apply(mutations.bytes, start, end);
    }
    return isApplied;
  }
}

interface Model {
  l: number[];
  s: Set<number>;
  m: Map<number, number>;
}

/** A change: what the statement does, and the same to the model. */
type Change = (database: Table, model: Model) => void;

const small = fc.nat({ max: 4 });
const items = fc.array(small, { maxLength: 4 });
const entries = fc.array(fc.tuple(small, small), { maxLength: 4 });

/** A change of one place of the list: refused when the list is too short, and then nothing happens. */
function atIndex(index: number, text: string, given: readonly GivenValue[], apply: (l: number[]) => void): Change {
  return (database, { l }) => {
    if (index < l.length) {
      database.run(text, given);
      apply(l);
    } else {
      expect(() => database.run(text, given)).toThrow(InvalidRequestError);
    }
  };
}

const change: fc.Arbitrary<Change> = fc.oneof(
  items.map(
    (given): Change =>
      (database, model) => {
        database.run('UPDATE t SET l = ? WHERE p = 1', [list(given)]);
        model.l = [...given];
      },
  ),
  items.map(
    (given): Change =>
      (database, model) => {
        database.run('UPDATE t SET l = l + ? WHERE p = 1', [list(given)]);
        model.l.push(...given);
      },
  ),
  items.map(
    (given): Change =>
      (database, model) => {
        database.run('UPDATE t SET l = ? + l WHERE p = 1', [list(given)]);
        model.l.unshift(...given);
      },
  ),
  items.map(
    (given): Change =>
      (database, model) => {
        database.run('UPDATE t SET l = l - ? WHERE p = 1', [list(given)]);
        model.l = model.l.filter((item) => !given.includes(item));
      },
  ),
  fc
    .tuple(small, small)
    .map(([index, value]) =>
      atIndex(index, 'UPDATE t SET l[?] = ? WHERE p = 1', [int(index), int(value)], (l) => l.splice(index, 1, value)),
    ),
  small.map((index) => atIndex(index, 'DELETE l[?] FROM t WHERE p = 1', [int(index)], (l) => l.splice(index, 1))),
  items.map(
    (given): Change =>
      (database, model) => {
        database.run('INSERT INTO t (p, s) VALUES (1, ?)', [set(given)]);
        model.s = new Set(given);
      },
  ),
  items.map(
    (given): Change =>
      (database, model) => {
        database.run('UPDATE t SET s = s + ? WHERE p = 1', [set(given)]);
        for (const item of given) model.s.add(item);
      },
  ),
  items.map(
    (given): Change =>
      (database, model) => {
        database.run('UPDATE t SET s = s - ? WHERE p = 1', [set(given)]);
        for (const item of given) model.s.delete(item);
      },
  ),
  entries.map(
    (given): Change =>
      (database, model) => {
        database.run('UPDATE t SET m = ? WHERE p = 1', [map(given)]);
        model.m = new Map(given);
      },
  ),
  entries.map(
    (given): Change =>
      (database, model) => {
        database.run('UPDATE t SET m = m + ? WHERE p = 1', [map(given)]);
        for (const [key, value] of given) model.m.set(key, value);
      },
  ),
  items.map(
    (given): Change =>
      (database, model) => {
        database.run('UPDATE t SET m = m - ? WHERE p = 1', [set(given)]);
        for (const key of given) model.m.delete(key);
      },
  ),
  fc.tuple(small, fc.option(small)).map(
    ([key, value]): Change =>
      (database, model) => {
        database.run('UPDATE t SET m[?] = ? WHERE p = 1', [int(key), value === null ? null : int(value)]);
        if (value === null) model.m.delete(key);
        else model.m.set(key, value);
      },
  ),
  small.map(
    (key): Change =>
      (database, model) => {
        database.run('DELETE m[?], s[?] FROM t WHERE p = 1', [int(key), int(key)]);
        model.m.delete(key);
        model.s.delete(key);
      },
  ),
  fc.constant<Change>((database, model) => {
    database.run('DELETE l, m FROM t WHERE p = 1', []);
    model.l = [];
    model.m.clear();
  }),
);

test('collections hold what arrays, sets and maps hold after the same changes', () => {
  fc.assert(
    fc.property(fc.array(change, { maxLength: 20 }), (changes) => {
      const database = new Table();
      const model: Model = { l: [], s: new Set(), m: new Map() };
      for (const apply of changes) {
        apply(database, model);
        const given = [list(model.l), set(model.s), map(model.m)];
        expect(database.run('UPDATE t SET v = 1 WHERE p = 1 IF l = ? AND s = ? AND m = ?', given)).toBe(true);
        const other = [list([...model.l, 7]), ...given.slice(1)];
        expect(database.run('UPDATE t SET v = 1 WHERE p = 1 IF l = ? AND s = ? AND m = ?', other)).toBe(false);
      }
    }),
    { numRuns: 150 },
  );
});
