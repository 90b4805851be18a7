import { expect, test } from 'vitest';
import { readI32BE } from '../../core/bytes.ts';
import { TesseraError } from '../../core/errors.ts';
import { checkMutation, MutationChecker } from '../../core/mutation/check.ts';
import { MutationReader } from '../../core/mutation/frozen-mutation.ts';
import { MutationList } from '../../core/mutation/mutation-list.ts';
import { RowBatchPool } from '../../core/read/batch-pool.ts';
import { LiveFilter, liveCursor } from '../../core/read/live-cursor.ts';
import { openRead } from '../../core/read/open-read.ts';
import { checkReadCommand } from '../../core/read/read-command.ts';
import { RowBatch } from '../../core/read/row-batch.ts';
import type { Schema } from '../../core/schema/keyspace.ts';
import { applySchemaChange, EMPTY_SCHEMA } from '../../core/schema/schema-change.ts';
import type { TableDescriptor } from '../../core/schema/table.ts';
import { Token, tokenOf } from '../../core/token.ts';
import { literalText } from '../../core/types/literal-text.ts';
import { uuidTimeHi } from '../../core/types/uuid.ts';
import { uuidText } from '../../core/uuid-bytes.ts';
import { MemorySource } from '../../test/support/memory-source.ts';
import { printMutation } from '../../test/support/print-mutation.ts';
import { recordedScripts, replayScript } from '../../test/support/recorded-scripts.ts';
import { FixedContext, parseValues } from '../../test/support/statement-values.ts';
import type { BatchStatement, ModificationStatement, SchemaStatement } from '../language/ast.ts';
import { parseStatement } from '../language/parser.ts';
import { planSchemaStatement } from './ddl.ts';
import { planModification } from './modify.ts';
import { type BatchPlan, type BoundReadModify, type ModifyPlan, PlanKind } from './plan.ts';

/** Statements one after the other on tables that hold what the earlier ones wrote, in keyspace `ks`. */
class Script {
  #schema: Schema = EMPTY_SCHEMA;
  readonly #sources: Map<string, MemorySource> = new Map();
  readonly #context: FixedContext = new FixedContext();
  readonly #list: MutationList = new MutationList();
  #ids = 0;

  constructor() {
    this.#changeSchema(parseStatement('CREATE KEYSPACE ks') as SchemaStatement);
  }

  /** @param lines the statement; `<- 1 | 'x'` gives values, `!shape` asks for what PREPARE tells, `!reset` forgets all data */
  run(lines: readonly string[]): string {
    const text = lines.filter((line) => !line.startsWith('<-') && !line.startsWith('!')).join('\n');
    const values = lines.find((line) => line.startsWith('<-'))?.slice(2) ?? '';
    try {
      if (lines.includes('!reset')) this.#sources.clear();
      if (text === '') return 'ok';
      const statement = parseStatement(text);
      if (/^(create|alter|drop)/.test(statement.kind)) return this.#changeSchema(statement as SchemaStatement);
      const plan = planModification(statement as ModificationStatement | BatchStatement, this.#schema, 'ks');
      return lines.includes('!shape') ? showShape(plan) : this.#execute(plan, values);
    } catch (error) {
      if (!(error instanceof TesseraError)) throw error;
      return `${error.name}: ${error.message}`;
    }
  }

  #changeSchema(statement: SchemaStatement): string {
    const { change } = planSchemaStatement(statement, 'ks', this.#schema, {
      dataCenters: new Map([['datacenter1', { nodeCount: 1, rackCount: 1 }]]),
      newUuid: () => `00000000-0000-4000-8000-${(++this.#ids).toString(16).padStart(12, '0')}`,
      nowUs: this.#context.nowUs,
    });
    if (change !== undefined) this.#schema = applySchemaChange(this.#schema, change);
    return 'ok';
  }

  #execute(plan: ModifyPlan | BatchPlan, text: string): string {
    const context = this.#context;
    context.advance();
    const values = parseValues(text, plan.markers);
    const list = this.#list;
    list.clear();
    if (plan.kind === PlanKind.Modify && !plan.needsRead && !plan.isConditional) plan.bind(values, context, list);
    else if (plan.kind === PlanKind.Batch && !plan.needsRead) plan.bind([values], context, list);
    else {
      const bound =
        plan.kind === PlanKind.Batch ? plan.bindReadModify([values], context) : plan.bindReadModify(values, context);
      values.bytes.fill(0xee); // the frame is used again before the decision
      this.#read(plan.kind === PlanKind.Batch ? plan.statements[0]!.descriptor : plan.descriptor, bound);
      context.advance();
      const isApplied = bound.decide(context, list);
      if (plan.isConditional) return [showRows(plan, bound, isApplied), ...this.#apply()].join('\n');
    }
    const applied = this.#apply();
    return [...applied, ...plan.warnings].join('\n') || 'nothing';
  }

  #read(table: TableDescriptor, bound: BoundReadModify): void {
    const { command } = bound;
    expect(checkReadCommand(command, table)).toBeUndefined();
    const pool = new RowBatchPool();
    const merged = openRead(this.#source(table), command, table.comparator);
    const cursor = liveCursor(merged, new LiveFilter(table, command.nowSeconds), pool);
    const batch = new RowBatch(2);
    while (cursor.fill(batch) > 0) {
      bound.accept(batch);
      batch.clear();
    }
    cursor.close();
  }

  /** Checks the mutations as a replica does, applies and prints them. */
  #apply(): string[] {
    const { bytes, count, starts, ends } = this.#list;
    const shown: string[] = [];
    for (let i = 0; i < count; i++) {
      const start = starts[i]!;
      const end = ends[i]!;
      expect(checkMutation(bytes, start, end)).toBeUndefined();
      const reader = new MutationReader();
      reader.open(bytes, start, end);
      const token = new Token();
      tokenOf(bytes, reader.keyStart, reader.keyEnd, token);
      expect([reader.tokenHi, reader.tokenLo]).toEqual([token.hi, token.lo]);
      const id = uuidText(bytes, reader.tableIdAt);
      const table = [...this.#schema.keyspaces.get('ks')!.tables.values()].find((one) => one.id === id)!;
      expect(new MutationChecker(table).check(bytes, start, end)).toBeUndefined();
      this.#source(table).apply(bytes, start, end);
      shown.push(printMutation(table, bytes, start, end, showPath));
    }
    return shown;
  }

  #source(table: TableDescriptor): MemorySource {
    const source = this.#sources.get(table.id) ?? new MemorySource(table);
    this.#sources.set(table.id, source);
    return source;
  }
}

/** 100 ns steps from 1582 to the FixedContext's now, and to 2010-01-01, at which prepended paths are mirrored. */
const NOW_TICKS = 0x01b2_1dd2_1381_4000n + 17_000_000_000_000_000n;
const MIRROR_TICKS = 0x01b2_1dd2_1381_4000n + 12_623_040_000_000_000n;

/** `+3`: the fourth path given, appended; `-3`: prepended. */
function showPath(path: Uint8Array): string {
  const ticks = (BigInt(uuidTimeHi(path, 0)) << 32n) | BigInt(readI32BE(path, 0) >>> 0);
  return ticks >= NOW_TICKS ? `+${ticks - NOW_TICKS}` : `-${2n * MIRROR_TICKS - ticks - NOW_TICKS}`;
}

function showShape(plan: ModifyPlan | BatchPlan): string {
  const { keyspace, table, markers, partitionKeyMarkers, resultColumns, isConditional, needsRead } = plan;
  const columns = (list: readonly { readonly name: string; readonly type: { readonly cqlName: string } }[]) =>
    list.map(({ name, type }) => `${name} ${type.cqlName}`).join(', ');
  const words = [isConditional ? 'conditional' : '', needsRead ? 'reads' : ''].filter((word) => word !== '');
  const shown = [
    `${keyspace}.${table} (${columns(markers)}) key [${partitionKeyMarkers}] ${words.join(' ')}`.trimEnd(),
  ];
  if (resultColumns !== undefined) shown.push(columns(resultColumns));
  return shown.join('\n');
}

function showRows(plan: ModifyPlan | BatchPlan, bound: BoundReadModify, isApplied: boolean): string {
  const { bytes, length } = bound.rows;
  const rows: string[] = [];
  let at = 0;
  for (let row = 0; row < bound.rowCount; row++) {
    const cells = plan.resultColumns!.map(({ name, type }) => {
      const size = readI32BE(bytes, at);
      const start = at + 4;
      at = start + Math.max(0, size);
      return `${name}=${size < 0 ? 'null' : literalText(type, bytes, start, at)}`;
    });
    expect(cells[0]).toBe(`[applied]=${isApplied}`);
    rows.push(cells.join(' '));
  }
  expect(at).toBe(length);
  return rows.join('\n');
}

const scripts = recordedScripts(new URL('./testdata/', import.meta.url), 'modify-');
for (const recorded of scripts) {
  test(`statements of ${recorded.name} write and fail as recorded`, async () => {
    const script = new Script();
    const replayed = replayScript(recorded, (lines) => script.run(lines));
    await expect(replayed).toMatchFileSnapshot(recorded.path);
  });
}

test('there are scripts', () => {
  expect(scripts.length).toBeGreaterThan(7);
});
