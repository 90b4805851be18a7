import fc from 'fast-check';
import { expect, test } from 'vitest';
import { bigIntHi, bigIntLo, int64ToBigInt } from '../../core/int64.ts';
import { MutationReader } from '../../core/mutation/frozen-mutation.ts';
import { MutationList } from '../../core/mutation/mutation-list.ts';
import { MAX_EXPIRY, RowReader } from '../../core/mutation/row-body.ts';
import { makeSchema } from '../../test/support/make-table.ts';
import { boundValues, FixedContext, parseValues } from '../../test/support/statement-values.ts';
import type { BatchStatement, ModificationStatement } from '../language/ast.ts';
import { parseStatement } from '../language/parser.ts';
import { planModification } from './modify.ts';
import { type BatchPlan, type ModifyPlan, PlanKind } from './plan.ts';
import { isFarFuture, MAX_FUTURE_US, WriteInput } from './write-input.ts';

const schema = makeSchema('CREATE TABLE t (p int PRIMARY KEY, v int)');
const planOf = (text: string): ModifyPlan | BatchPlan =>
  planModification(parseStatement(text) as ModificationStatement | BatchStatement, schema, 'ks');

function timeout(text: string, given: string): number | undefined {
  const plan = planOf(text);
  const values = parseValues(given, plan.markers);
  return plan.kind === PlanKind.Batch ? plan.timeoutMs([values]) : plan.timeoutMs(values);
}

test.each([
  ['INSERT INTO t (p) VALUES (1) USING TIMEOUT 50ms', '', 50],
  ['INSERT INTO t (p) VALUES (1) USING TIMEOUT 1h2m3s', '', 3_723_000],
  ['UPDATE t USING TIMEOUT ? SET v = 1 WHERE p = 1', '0s', 0],
  ['DELETE FROM t USING TIMEOUT ? WHERE p = 1', 'unset', undefined],
  ['DELETE FROM t WHERE p = 1', '', undefined],
  ['BEGIN BATCH USING TIMEOUT 2s DELETE FROM t WHERE p = 1 APPLY BATCH', '', 2000],
  ['BEGIN BATCH USING TIMEOUT :t DELETE FROM t WHERE p = 1 APPLY BATCH', '5ms', 5],
  ['BEGIN BATCH DELETE FROM t WHERE p = 1 APPLY BATCH', '', undefined],
])('%s with %s waits %s ms', (text, given, expected) => {
  expect(timeout(text, given)).toBe(expected);
});

test.each([
  ['null', /^Invalid null value of timeout/],
  ['1d', /^Timeout values cannot be expressed in days/],
  ['1mo', /^Timeout values cannot be expressed in months/],
  ['1ns', /finer than milliseconds/],
  ['-1s', /non-negative/],
])('a timeout of %s is refused', (given, message) => {
  expect(() => timeout('DELETE FROM t USING TIMEOUT ? WHERE p = 1', given)).toThrow(message);
});

test('an expiry beyond what files hold is capped', () => {
  const plan = planOf('INSERT INTO t (p, v) VALUES (1, 2) USING TTL 630720000') as ModifyPlan;
  const context = new FixedContext();
  context.nowUs = 2_000_000_000_000_000;
  const list = new MutationList();
  plan.bind(boundValues([]), context, list);
  const mutation = new MutationReader();
  mutation.open(list.bytes, 0, list.ends[0]!);
  mutation.next();
  const row = new RowReader();
  row.open(list.bytes, mutation.bodyStart, mutation.bodyEnd);
  expect([row.livenessTtl, row.livenessExpiry]).toEqual([630_720_000, MAX_EXPIRY]);
});

const int64 = fc.oneof(
  fc.bigInt({ min: -(1n << 63n) + 1n, max: (1n << 63n) - 1n }),
  fc.bigInt({ min: -3n, max: 3n }).map((near) => (near << 32n) + near),
);

test('the timestamp before is one less', () => {
  fc.assert(
    fc.property(int64, (timestamp) => {
      const input = new WriteInput();
      input.timestampHi = bigIntHi(timestamp);
      input.timestampLo = bigIntLo(timestamp);
      expect(int64ToBigInt(input.beforeHi, input.beforeLo)).toBe(timestamp - 1n);
    }),
  );
});

test('far future is more than three days ahead', () => {
  fc.assert(
    fc.property(
      fc.oneof(int64, fc.constant(undefined)),
      fc.nat({ max: 2 ** 52 }),
      fc.integer({ min: -2, max: 2 }),
      (given, now, near) => {
        const timestamp = given ?? BigInt(now + MAX_FUTURE_US + near);
        expect(isFarFuture(bigIntHi(timestamp), bigIntLo(timestamp), now)).toBe(
          timestamp > BigInt(now + MAX_FUTURE_US),
        );
      },
    ),
  );
});
