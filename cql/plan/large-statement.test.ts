import { expect, test } from 'vitest';
import { MutationList } from '../../core/mutation/mutation-list.ts';
import { MiniDatabase } from '../../test/support/mini-database.ts';
import { boundValues, FixedContext } from '../../test/support/statement-values.ts';
import { type ModifyPlan, PlanKind } from './plan.ts';

const COUNT = 8000;
const many = (make: (i: number) => string, separator = ', ') =>
  Array.from({ length: COUNT }, (_, i) => make(i)).join(separator);
const database = new MiniDatabase(
  'CREATE TABLE t (k int PRIMARY KEY, s set<text>, l list<int>, m map<int, int>, v int)',
  'CREATE TABLE w (a int, b int, c int, PRIMARY KEY (a, b, c))',
);

/** Statements whose parts look at each other. In time quadratic in COUNT each would take seconds, in cubic time hours. */
test.each([
  ['elements that are set', `UPDATE t SET ${many((i) => `m[${i}] = 1`)} WHERE k = 1`, 1],
  ['elements that are deleted', `DELETE ${many((i) => `m[${i}]`)} FROM t WHERE k = 1`, 1],
  ['elements of a set', `UPDATE t SET s = {${many((i) => `'${(i * 7919) % COUNT}'`)}} WHERE k = 1`, 1],
  [
    'rows of one partition',
    `BEGIN BATCH ${many((i) => `INSERT INTO w (a, b, c) VALUES (1, ${-i}, 1)`, ' ')} APPLY BATCH`,
    1,
  ],
  ['partitions', `BEGIN BATCH ${many((i) => `INSERT INTO w (a, b, c) VALUES (${i}, 1, 1)`, ' ')} APPLY BATCH`, COUNT],
  [
    'ranges that overlap',
    `BEGIN BATCH ${many((i) => `DELETE FROM w WHERE a = 1 AND b > ${-i} AND b < ${i + 1}`, ' ')} APPLY BATCH`,
    1,
  ],
])('%s', (_, text, mutations) => {
  const plan = database.plan(text);
  const list = new MutationList();
  const none = boundValues([]);
  if (plan.kind === PlanKind.Modify) plan.bind(none, new FixedContext(), list);
  else if (plan.kind === PlanKind.Batch) plan.bind([none], new FixedContext(), list);
  expect(list.count).toBe(mutations);
});

test.each([
  ['elements of a list by index', `UPDATE t SET ${many((i) => `l[${i}] = 1`)} WHERE k = 1`],
  ['items taken from a list', `UPDATE t SET l = l - [${many((i) => `${COUNT - i}`)}] WHERE k = 1`],
  ['conditions', `UPDATE t SET v = 1 WHERE k = 1 IF ${many((i) => `v > ${-1 - i}`, ' AND ')}`],
])('%s, with as many there before', (_, text) => {
  database.execute(`UPDATE t SET l = [${many(String)}], v = 0 WHERE k = 1`);
  const plan = database.plan(text) as ModifyPlan;
  const bound = plan.bindReadModify(boundValues([]), new FixedContext());
  database.feed(plan.descriptor, bound);
  const list = new MutationList();
  expect(bound.decide(new FixedContext(), list)).toBe(true);
  expect(list.count).toBe(1);
});
