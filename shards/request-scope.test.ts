import fc from 'fast-check';
import { beforeEach, expect, test } from 'vitest';
import { AssertionError } from '../core/assert.ts';
import { OverloadedError } from '../core/errors.ts';
import { Metric } from '../core/metrics.ts';
import { MailClass } from '../core/ports/mailbox.ts';
import { SimClock, SimTime } from '../test/sim/sim-clock.ts';
import { SimRandom } from '../test/sim/sim-random.ts';
import { SimTasks } from '../test/sim/sim-tasks.ts';
import { createMetricsMemory, MetricsBlock } from './metrics-block.ts';
import { AbortCode, NO_SCOPE, RequestScopes, type ScopeId } from './request-scope.ts';

let time: SimTime;
let refs: Int32Array;
let metrics: MetricsBlock;
let scopes: RequestScopes;

beforeEach(() => {
  time = new SimTime();
  refs = new Int32Array(4);
  metrics = new MetricsBlock(createMetricsMemory());
  scopes = new RequestScopes(new SimClock(time, 500), new SimTasks(time, new SimRandom(1)), refs, metrics, 8);
});

test('a scope knows what it was opened with and counts a reference to its image', () => {
  const scope = scopes.open(MailClass.Statement, 1500, 77, 2);
  expect(scopes.deadlineMs(scope)).toBe(1500);
  expect(scopes.topologyVersion(scope)).toBe(77);
  expect(scopes.imageSlot(scope)).toBe(2);
  expect(scopes.mailClass(scope)).toBe(MailClass.Statement);
  expect(scopes.abortCode(scope)).toBe(AbortCode.None);
  expect([...refs]).toEqual([0, 0, 1, 0]);
  scopes.moveToImage(scope, 78, 3);
  expect(scopes.topologyVersion(scope)).toBe(78);
  expect([...refs]).toEqual([0, 0, 0, 1]);
  scopes.close(scope);
  expect([...refs]).toEqual([0, 0, 0, 0]);
});

test('the deadline aborts, within a tick after it and never before', () => {
  const aborts: [ScopeId, AbortCode][] = [];
  const scope = scopes.open(MailClass.Statement, 500 + 1000, 1, 0);
  scopes.onAbort(scope, (id, code) => aborts.push([id, code]));
  const signal = scopes.signal(scope);
  time.run(999);
  expect(aborts).toEqual([]);
  expect(signal.aborted).toBe(false);
  time.run(1015);
  expect(aborts).toEqual([[scope, AbortCode.Timeout]]);
  expect(scopes.abortCode(scope)).toBe(AbortCode.Timeout);
  expect(signal.aborted).toBe(true);
  expect(signal.reason).toBe(AbortCode.Timeout);
  expect(scopes.isOpen(scope)).toBe(true);
  expect(metrics.value(Metric.ScopesTimedOut)).toBe(1);
});

test('a closed scope is not told of anything', () => {
  const scope = scopes.open(MailClass.Statement, 600, 1, 0);
  let calls = 0;
  scopes.onAbort(scope, () => calls++);
  const signal = scopes.signal(scope);
  scopes.close(scope);
  time.run(5000);
  expect(calls).toBe(0);
  expect(signal.aborted).toBe(false);
  expect(metrics.value(Metric.ScopesTimedOut)).toBe(0);
});

test('the first reason of an abort stays, and a signal made later has it', () => {
  const scope = scopes.open(MailClass.Statement, Infinity, 1, 0);
  scopes.abort(scope, AbortCode.ClientGone);
  scopes.abort(scope, AbortCode.Shutdown);
  expect(scopes.abortCode(scope)).toBe(AbortCode.ClientGone);
  expect(scopes.signal(scope).reason).toBe(AbortCode.ClientGone);
});

test('a handler may close its scope and open another in its place', () => {
  const scope = scopes.open(MailClass.Statement, Infinity, 1, 0);
  let next: ScopeId = NO_SCOPE;
  const signal = scopes.signal(scope);
  scopes.onAbort(scope, (id) => {
    scopes.close(id);
    next = scopes.open(MailClass.Raft, Infinity, 2, 1);
  });
  scopes.abort(scope, AbortCode.Shutdown);
  expect(signal.aborted).toBe(true);
  expect(scopes.abortCode(next)).toBe(AbortCode.None);
  expect(scopes.signal(next).aborted).toBe(false);
});

test('abortAll aborts those that are picked', () => {
  const kept = scopes.open(MailClass.Statement, Infinity, 1, 0);
  const gone = scopes.open(MailClass.Statement, Infinity, 1, 3);
  expect(scopes.abortAll(AbortCode.TableDropped, (scope) => scopes.imageSlot(scope) === 3)).toBe(1);
  expect(scopes.abortCode(kept)).toBe(AbortCode.None);
  expect(scopes.abortCode(gone)).toBe(AbortCode.TableDropped);
  expect(scopes.abortAll(AbortCode.Shutdown)).toBe(1);
});

test('more scopes than allowed are refused', () => {
  for (let i = 0; i < 8; i++) scopes.open(MailClass.Statement, Infinity, 1, 0);
  expect(scopes.tryOpen(MailClass.Statement, Infinity, 1, 0)).toBe(NO_SCOPE);
  expect(() => scopes.open(MailClass.Statement, Infinity, 1, 0)).toThrow(OverloadedError);
  expect(refs[0]).toBe(8);
  expect(metrics.value(Metric.ScopesRefused)).toBe(2);
  expect(metrics.value(Metric.ScopesOpen)).toBe(8);
});

test('handles are never mistaken: pooled records against a set', () => {
  fc.assert(
    fc.property(fc.array(fc.nat(20), { maxLength: 200 }), (choices) => {
      const pool = new RequestScopes(new SimClock(time), new SimTasks(time, new SimRandom(2)), refs, metrics, 8);
      const open = new Map<ScopeId, number>();
      const closed: ScopeId[] = [];
      let version = 0;
      for (const choice of choices) {
        const scope = [...open.keys()][choice];
        if (scope !== undefined) {
          pool.close(scope);
          open.delete(scope);
          closed.push(scope);
        } else if (open.size < 8) {
          const added = pool.open(MailClass.Statement, Infinity, ++version, choice % 4);
          expect(open.has(added) || closed.includes(added)).toBe(false);
          open.set(added, version);
        }
        for (const [id, expected] of open) expect(pool.topologyVersion(id)).toBe(expected);
        for (const id of closed) expect(pool.isOpen(id)).toBe(false);
        expect(pool.openCount).toBe(open.size);
      }
      for (const id of closed) expect(() => pool.close(id)).toThrow(AssertionError);
      for (const id of open.keys()) pool.close(id);
      expect([...refs]).toEqual([0, 0, 0, 0]);
    }),
    { numRuns: 50 },
  );
});
