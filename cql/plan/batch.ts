import { assert } from '../../core/assert.ts';
import { InvalidRequestError } from '../../core/errors.ts';
import { MutationList } from '../../core/mutation/mutation-list.ts';
import type { BatchStatement } from '../language/ast.ts';
import { checkValueCount, type MarkerTypes } from './bind-marker.ts';
import { conditionalColumns } from './conditional-result.ts';
import { allColumns } from './conditions.ts';
import { mergeMutations } from './merge-mutations.ts';
import { Modification } from './modification.ts';
import {
  type BatchPlan,
  type BindMarker,
  type BoundReadModify,
  type BoundValues,
  type ExecutionContext,
  type ModifyPlan,
  PlanKind,
  type ResultColumn,
} from './plan.ts';
import { copyValues, ReadModify } from './read-modify.ts';
import { NO_VALUES } from './term.ts';
import type { UsingClause } from './using.ts';
import { WriteInput } from './write-input.ts';

/** Bytes of a batch's mutations above which the answer warns, and above which it is refused. */
export interface BatchLimits {
  readonly warnBytes: number;
  readonly failBytes: number;
}

/** ScyllaDB's defaults. */
export const DEFAULT_BATCH_LIMITS: BatchLimits = { warnBytes: 128 * 1024, failBytes: 1024 * 1024 };

export interface BatchParts {
  readonly type: BatchStatement['type'];
  readonly statements: readonly ModifyPlan[];
  readonly limits: BatchLimits;
  /** Of a BATCH text; a batch of the protocol has neither. */
  readonly using: UsingClause | undefined;
  readonly markers: MarkerTypes | undefined;
}

/**
 * A batch: its statements' mutations, one for each partition, with one timestamp where they have none of their own. Of a BATCH
 * text all statements share the values of the request; of a batch of the protocol each has its own.
 */
export class Batch implements BatchPlan {
  readonly kind: typeof PlanKind.Batch = PlanKind.Batch;
  readonly isLogged: boolean;
  readonly statements: readonly Modification[];
  readonly needsRead: boolean;
  readonly isConditional: boolean;
  readonly keyspace: string;
  readonly table: string;
  readonly partitionKeyMarkers: readonly number[];
  readonly resultColumns: readonly ResultColumn[] | undefined;
  readonly #columns: ReturnType<typeof allColumns> | undefined;
  readonly #limits: BatchLimits;
  readonly #using: UsingClause | undefined;
  readonly #markers: MarkerTypes | undefined;
  readonly #scratch: MutationList = new MutationList(1024);
  readonly #input: WriteInput = new WriteInput();
  #warnings: readonly string[] = NO_WARNINGS;

  /** @throws InvalidRequestError when the statements do not go together */
  constructor({ type, statements, limits, using, markers }: BatchParts) {
    const own: Modification[] = [];
    for (const statement of statements) {
      assert(statement instanceof Modification, 'statements of a batch are modifications');
      own.push(statement);
    }
    this.statements = own;
    this.isLogged = type === 'logged';
    this.isConditional = own.some((statement) => statement.isConditional);
    this.needsRead = own.some((statement) => statement.isConditional || statement.needsRead);
    this.#limits = limits;
    this.#using = using;
    this.#markers = markers;
    checkTogether(own, type, this.isConditional, this.needsRead, using);
    const first = own[0];
    const isOfOneTable = own.every(({ descriptor }) => descriptor.id === first?.descriptor.id);
    this.keyspace = first?.keyspace ?? '';
    this.table = first?.table ?? '';
    this.partitionKeyMarkers = markers !== undefined && isOfOneTable ? (first?.partitionKeyMarkers ?? []) : [];
    this.#columns = this.isConditional ? answerColumns(own) : undefined;
    this.resultColumns = this.#columns && conditionalColumns(first!.descriptor, this.#columns);
  }

  get markers(): readonly BindMarker[] {
    return this.#markers?.all() ?? [];
  }

  /** What the last `bind` or `decide` warned of: to be read before the next. */
  get warnings(): readonly string[] {
    return this.#warnings;
  }

  timeoutMs(values: readonly BoundValues[]): number | undefined {
    return this.#using?.timeoutMs(values[0] ?? NO_VALUES);
  }

  bind(values: readonly BoundValues[], context: ExecutionContext, out: MutationList): void {
    const at = this.#contextOf(values[0] ?? NO_VALUES, context);
    const scratch = this.#scratch;
    scratch.clear();
    for (const [i, statement] of this.statements.entries()) statement.bind(this.#valuesOf(values, i), at, scratch);
    const before = out.writer.out.length;
    mergeMutations(scratch, out);
    this.#checkSize(out.writer.out.length - before);
  }

  bindReadModify(values: readonly BoundValues[], context: ExecutionContext): BoundReadModify {
    for (const [i, { markerCount }] of this.statements.entries())
      checkValueCount(this.#valuesOf(values, i), markerCount);
    const copies = values.map(copyValues);
    const statements = this.statements.map((plan, i) => ({ plan, values: this.#valuesOf(copies, i) }));
    const own = copies[0] ?? NO_VALUES;
    return new ReadModify(
      statements,
      this.#columns,
      context,
      (given) => this.#contextOf(own, given),
      (sizeBytes) => this.#checkSize(sizeBytes),
    );
  }

  #valuesOf(values: readonly BoundValues[], i: number): BoundValues {
    const own = values[this.#markers === undefined ? i : 0];
    assert(own !== undefined, 'every statement of a batch has its values');
    return own;
  }

  /** The context with the batch's timestamp. */
  #contextOf(values: BoundValues, context: ExecutionContext): ExecutionContext {
    if (this.#using === undefined || !this.#using.hasTimestamp) return context;
    const input = this.#input;
    input.begin(values, context);
    this.#using.apply(input);
    const { timestampHi, timestampLo } = input;
    input.end();
    return {
      timestampHi,
      timestampLo,
      nowUs: context.nowUs,
      randomBytes: (target) => context.randomBytes(target),
      timeUuid: (target, at) => context.timeUuid(target, at),
    };
  }

  #checkSize(sizeBytes: number): void {
    const { warnBytes, failBytes } = this.#limits;
    this.#warnings = NO_WARNINGS;
    if (sizeBytes <= Math.min(warnBytes, failBytes)) return;
    const tables = [...new Set(this.statements.map(({ keyspace, table }) => `${keyspace}.${table}`))].join(', ');
    if (sizeBytes > failBytes) {
      throw new InvalidRequestError(
        `Batch too large: statements for [${tables}] are of ${sizeBytes} bytes, at most ${failBytes} are allowed`,
        { sizeBytes, failBytes },
      );
    }
    this.#warnings = [
      `Batch of statements for [${tables}] is of size ${sizeBytes} bytes, exceeding the warning threshold of ${warnBytes} by ${sizeBytes - warnBytes}`,
    ];
  }
}

const NO_WARNINGS: readonly string[] = [];

function checkTogether(
  statements: readonly Modification[],
  type: BatchParts['type'],
  isConditional: boolean,
  needsRead: boolean,
  using: UsingClause | undefined,
): void {
  if (type === 'counter' && statements.length > 0) {
    throw new InvalidRequestError('Cannot include non-counter statement in a counter batch');
  }
  if (using?.hasTtl) throw new InvalidRequestError('Global TTL on the BATCH statement is not supported.');
  const timestamps = statements.some((statement) => statement.using.hasTimestamp);
  if (using?.hasTimestamp && timestamps) {
    throw new InvalidRequestError('Timestamp must be set either on BATCH or individual statements');
  }
  if (statements.some((statement) => statement.using.hasTimeout)) {
    throw new InvalidRequestError('Timeout must be set on BATCH, not on individual statements');
  }
  if (isConditional && (using?.hasTimestamp || timestamps)) {
    throw new InvalidRequestError('Cannot provide custom timestamp for conditional BATCH');
  }
  const tables = new Set(statements.map(({ descriptor }) => descriptor.id));
  if (needsRead && tables.size > 1) {
    throw new InvalidRequestError(
      isConditional
        ? 'BATCH with conditions cannot span multiple tables'
        : 'BATCH with operations that read before they write cannot span multiple tables',
    );
  }
}

/** The key columns and every column that some statement tests, in table order. */
function answerColumns(statements: readonly Modification[]): ReturnType<typeof allColumns> {
  const { descriptor } = statements[0]!;
  const shown = new Set(statements.flatMap(({ condition }) => condition?.columns ?? []));
  const keys = new Set([...descriptor.partitionKey, ...descriptor.clustering]);
  return allColumns(descriptor).filter((column) => keys.has(column) || shown.has(column));
}
