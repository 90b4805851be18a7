import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { checkMutation } from '../../core/mutation/check.ts';
import { MutationList } from '../../core/mutation/mutation-list.ts';
import { ALL_ROWS } from '../../core/read/slice.ts';
import type { TableDescriptor } from '../../core/schema/table.ts';
import { ALL_TOKENS } from '../../core/token.ts';
import { intType } from '../../core/types/int.ts';
import { makeSchema } from '../../test/support/make-table.ts';
import { drain, MemorySource } from '../../test/support/memory-source.ts';
import { printMutation } from '../../test/support/print-mutation.ts';
import { boundValues, FixedContext } from '../../test/support/statement-values.ts';
import type { BatchStatement, ModificationStatement } from '../language/ast.ts';
import { parseStatement } from '../language/parser.ts';
import { DEFAULT_BATCH_LIMITS } from './batch.ts';
import { mergeMutations } from './merge-mutations.ts';
import { planModification, planProtocolBatch } from './modify.ts';
import type { BatchPlan, BoundValues, ModifyPlan } from './plan.ts';

const schema = makeSchema(
  'CREATE TABLE t (p int, c int, v int, s int static, PRIMARY KEY (p, c)); CREATE TABLE b (k blob PRIMARY KEY, v blob)',
);
const table = schema.keyspaces.get('ks')!.tables.get('t')!;
const plan = (text: string): ModifyPlan =>
  planModification(parseStatement(text) as ModificationStatement, schema, 'ks') as ModifyPlan;
const ints = (...values: readonly number[]): BoundValues =>
  boundValues(values.map((value) => intType.fromText(String(value))));

function printed(list: MutationList, of: TableDescriptor = table): string[] {
  return Array.from({ length: list.count }, (_, i) =>
    printMutation(of, list.bytes, list.starts[i]!, list.ends[i]!).replaceAll('\n  ', '; '),
  );
}

describe('batches of the protocol', () => {
  test('each statement has its own values, all have one timestamp', () => {
    const insert = plan('INSERT INTO t (p, c, v) VALUES (?, ?, ?)');
    const remove = plan('DELETE FROM t WHERE p = ? AND c = ?');
    const batch = planProtocolBatch('unlogged', [insert, remove, insert]);
    const list = new MutationList();
    const context = new FixedContext();
    context.advance();
    batch.bind([ints(1, 2, 3), ints(1, 4), ints(5, 6, 7)], context, list);
    expect(printed(list)).toEqual([
      't(1); row(2) marker@1000 v=3@1000; row(4) deleted@1000',
      't(5); row(6) marker@1000 v=7@1000',
    ]);
    expect(batch.isLogged).toBe(false);
    expect(batch.markers).toEqual([]);
    expect(batch.partitionKeyMarkers).toEqual([]);
  });

  test('without statements it does nothing', () => {
    const batch = planProtocolBatch('logged', []);
    const list = new MutationList();
    batch.bind([], new FixedContext(), list);
    expect([list.count, batch.isLogged, batch.needsRead, batch.timeoutMs([])]).toEqual([0, true, false, undefined]);
  });

  test('the count of values is checked for each statement', () => {
    const insert = plan('INSERT INTO t (p, c, v) VALUES (?, ?, ?)');
    const batch = planProtocolBatch('logged', [insert, insert]);
    expect(() => batch.bind([ints(1, 2, 3), ints(1, 2)], new FixedContext(), new MutationList())).toThrow(
      'Invalid amount of bind variables: expected 3 received 2',
    );
  });

  test('conditions and list operations ask for a read', () => {
    const conditional = plan('UPDATE t SET v = ? WHERE p = ? AND c = ? IF v = ?');
    const batch = planProtocolBatch('logged', [conditional, plan('DELETE FROM t WHERE p = ? AND c = ?')]);
    expect([batch.needsRead, batch.isConditional]).toEqual([true, true]);
    const bound = batch.bindReadModify([ints(1, 2, 3, 4), ints(2, 9)], new FixedContext());
    expect(bound.command.slice.slices.map(({ start }) => Buffer.from(start).toString('hex'))).toEqual([
      '000400000003',
      '000400000009',
    ]);
    const list = new MutationList();
    expect(bound.decide(new FixedContext(), list)).toBe(false);
    expect([bound.rowCount, list.count]).toEqual([2, 0]);
  });

  test('a conditional batch above the limit fails at its decision', () => {
    const insert = plan('INSERT INTO b (k, v) VALUES (?, ?) IF NOT EXISTS');
    const batch = planProtocolBatch('logged', [insert], { warnBytes: 100, failBytes: 200 });
    const decide = (size: number) => {
      const values = boundValues([Uint8Array.of(1), new Uint8Array(size)]);
      return batch.bindReadModify([values], new FixedContext()).decide(new FixedContext(), new MutationList());
    };
    expect(decide(50)).toBe(true);
    expect(() => decide(300)).toThrow('Batch too large');
  });

  test('limits are looked at when a batch is bound; the lower one that refuses needs no warning first', () => {
    const limits = { warnBytes: 1000, failBytes: 2000 };
    const statement = parseStatement('BEGIN BATCH INSERT INTO b (k, v) VALUES (?, ?) APPLY BATCH') as BatchStatement;
    const batch = planModification(statement, schema, 'ks', limits) as BatchPlan;
    const bind = () =>
      batch.bind([boundValues([Uint8Array.of(1), new Uint8Array(500)])], new FixedContext(), new MutationList());
    bind();
    expect(batch.warnings).toEqual([]);
    limits.failBytes = 400;
    expect(bind).toThrow('at most 400');
    Object.assign(limits, { warnBytes: 300, failBytes: 2000 });
    bind();
    expect(batch.warnings).toHaveLength(1);
  });

  test('a batch above the limits warns, then fails', () => {
    const insert = plan('INSERT INTO b (k, v) VALUES (?, ?)');
    const limits = { warnBytes: 1000, failBytes: 2000 };
    const batch = planProtocolBatch('logged', [insert], limits);
    const bindOf = (size: number) => {
      const list = new MutationList();
      batch.bind([boundValues([Uint8Array.of(1), new Uint8Array(size)])], new FixedContext(), list);
      return list;
    };
    expect(bindOf(800).count).toBe(1);
    expect(batch.warnings).toEqual([]);
    const size = bindOf(1500).writer.out.length;
    expect(batch.warnings).toEqual([
      `Batch of statements for [ks.b] is of size ${size} bytes, exceeding the warning threshold of 1000 by ${size - 1000}`,
    ]);
    expect(() => bindOf(3000)).toThrow(/^Batch too large: statements for \[ks\.b\] are of \d+ bytes, at most 2000/);
    bindOf(10);
    expect(batch.warnings).toEqual([]);
    expect(DEFAULT_BATCH_LIMITS).toEqual({ warnBytes: 131_072, failBytes: 1_048_576 });
  });
});

/** Statements on few partitions, with their values. */
const STATEMENTS = [
  { text: 'INSERT INTO t (p, c, v) VALUES (?, ?, ?)', markers: 3 },
  { text: 'UPDATE t SET v = ? WHERE c = ? AND p = ?', markers: 3 },
  { text: 'UPDATE t SET s = ? WHERE p = ?', markers: 2 },
  { text: 'DELETE FROM t WHERE p = ? AND c = ?', markers: 2 },
  { text: 'DELETE FROM t WHERE p = ? AND c > ? AND c < ?', markers: 3 },
  { text: 'DELETE FROM t WHERE p = ?', markers: 1 },
  { text: 'UPDATE t SET v = ? WHERE p IN (?, ?) AND c IN (1, 2)', markers: 3 },
].map(({ text, markers }) => ({ plan: plan(text), markers }));

test('merging keeps what the mutations say, with one mutation for each partition', async () => {
  const source = async (list: MutationList) => {
    const memory = new MemorySource(table);
    for (let i = 0; i < list.count; i++) memory.apply(list.bytes, list.starts[i]!, list.ends[i]!);
    return drain(
      memory.openScan(ALL_TOKENS, { slices: [ALL_ROWS], isReversed: false, wantsRows: true, wantsStatics: true }),
    );
  };
  const step = fc.record({
    statement: fc.nat({ max: STATEMENTS.length - 1 }),
    values: fc.array(fc.nat({ max: 3 }), { minLength: 3, maxLength: 3 }),
  });
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 30 }), async (steps) => {
      const single = new MutationList();
      const context = new FixedContext();
      context.advance();
      for (const { statement, values } of steps) {
        const chosen = STATEMENTS[statement]!;
        chosen.plan.bind(ints(...values.slice(0, chosen.markers)), context, single);
      }
      const merged = new MutationList();
      mergeMutations(single, merged);
      const keys = new Set<string>();
      for (let i = 0; i < merged.count; i++) {
        expect(checkMutation(merged.bytes, merged.starts[i]!, merged.ends[i]!)).toBeUndefined();
        keys.add(printed(merged)[i]!.split(';')[0]!);
      }
      expect(keys.size).toBe(merged.count);
      expect(await source(merged)).toEqual(await source(single));
    }),
    { numRuns: 200 },
  );
});
