import { ByteWriter } from '../../core/bytes.ts';
import { type BatchPlan, type BoundValues, PlanKind, type StatementPlan } from '../../cql/plan/plan.ts';
import type { Completion, RequestExecutor, RequestOptions } from '../../shards/server/request-executor.ts';

/** A bound value as bytes, null, or undefined for one that was not set. */
export type GivenValue = Uint8Array | null | undefined;

/** What the server handed over, copied: the originals are borrowed. */
export interface ExecutedCall {
  readonly plan: StatementPlan;
  /** One list for a statement, one per statement for a batch. */
  readonly values: readonly (readonly GivenValue[])[];
  readonly options: RequestOptions;
  readonly completion: Completion;
}

const NO_ROWS = new ByteWriter(16);
const NO_WARNINGS: readonly string[] = [];

/** An executor that answers at once with nothing, or as a test scripts it. Keeps what it was given. */
export class ScriptedExecutor implements RequestExecutor {
  readonly calls: ExecutedCall[] = [];
  /** Calls that `hold` keeps unanswered. */
  readonly held: ExecutedCall[] = [];
  /** Answers a call; by default `answerEmpty`. */
  script: (call: ExecutedCall) => void = answerEmpty;
  /** False: calls are counted, not kept. */
  keepsCalls = true;
  count = 0;

  execute(plan: StatementPlan, values: BoundValues, options: RequestOptions, completion: Completion): void {
    this.#call(plan, [values], options, completion);
  }

  executeBatch(plan: BatchPlan, values: readonly BoundValues[], options: RequestOptions, completion: Completion): void {
    this.#call(plan, values, options, completion);
  }

  /** A script that leaves calls unanswered until `release`. */
  hold(): void {
    this.script = (call) => this.held.push(call);
  }

  /** Answers what is held, the last first, and goes on answering at once. */
  release(): void {
    this.script = answerEmpty;
    for (const call of this.held.splice(0).reverse()) answerEmpty(call);
  }

  #call(plan: StatementPlan, values: readonly BoundValues[], options: RequestOptions, completion: Completion): void {
    this.count++;
    const call = { plan, values: values.map(copyValues), options: copyOptions(options), completion };
    if (this.keepsCalls) this.calls.push(call);
    this.script(call);
  }
}

/** What a statement answers that found and changed nothing. */
export function answerEmpty({ plan, completion }: ExecutedCall): void {
  if (plan.kind === PlanKind.Use) completion.keyspaceSet(plan.keyspace);
  else if (plan.resultColumns !== undefined) completion.rows(plan.resultColumns, 0, NO_ROWS, undefined, plan.warnings);
  else completion.done(NO_WARNINGS);
}

function copyValues({ bytes, starts, lengths, count }: BoundValues): GivenValue[] {
  const values: GivenValue[] = [];
  for (let i = 0; i < count; i++) {
    const length = lengths[i]!;
    if (length === -1) values.push(null);
    else if (length < 0) values.push(undefined);
    else values.push(new Uint8Array(bytes.subarray(starts[i]!, starts[i]! + length)));
  }
  return values;
}

function copyOptions(options: RequestOptions): RequestOptions {
  return {
    consistency: options.consistency,
    serialConsistency: options.serialConsistency,
    pageSize: options.pageSize,
    pagingState: options.pagingState,
    hasTimestamp: options.hasTimestamp,
    timestampHi: options.timestampHi,
    timestampLo: options.timestampLo,
    keyspace: options.keyspace,
    text: options.text,
    isPrepared: options.isPrepared,
    isBounced: options.isBounced,
    get abortCode() {
      return options.abortCode; // as it is when it is looked at
    },
  };
}
