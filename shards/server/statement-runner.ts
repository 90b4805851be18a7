import { assert } from '../../core/assert.ts';
import { equalBytes } from '../../core/bytes.ts';
import { InvalidRequestError } from '../../core/errors.ts';
import {
  type BatchPlan,
  type BoundValues,
  type ModifyPlan,
  PlanKind,
  type StatementPlan,
} from '../../cql/plan/plan.ts';
import { BatchRequest, type BatchType } from '../../cql/protocol/batch-request.ts';
import { Opcode } from '../../cql/protocol/envelope.ts';
import { unpreparedError } from '../../cql/protocol/error.ts';
import type { QueryParameters } from '../../cql/protocol/query-parameters.ts';
import { decodePrepare, ExecuteRequest, QueryRequest } from '../../cql/protocol/request.ts';
import { BatchValues, FrameValues } from './bound-values.ts';
import type { PendingRequest } from './pending-request.ts';
import type { Planner, PrepareService } from './prepare-service.ts';
import type { PreparedCache, PreparedStatement } from './prepared-cache.ts';
import type { RequestExecutor } from './request-executor.ts';

const NO_BYTES = new Uint8Array(0);
const NO_WARNINGS: readonly string[] = [];

/** The plan of a protocol batch, from the plans of its statements. @throws InvalidRequestError */
export type BatchPlanner = (statements: readonly ModifyPlan[], type: BatchType) => BatchPlan;

export interface StatementRunnerOptions {
  readonly cache: PreparedCache;
  readonly planner: Planner;
  readonly batchPlanner: BatchPlanner;
  readonly executor: RequestExecutor;
  readonly prepares: PrepareService;
}

/**
 * Runs the requests that hold statements: decodes the message, finds or makes the plan, hands it with its values to the
 * executor. What the message says lies in its bytes, borrowed, until the executor's call returns.
 */
export class StatementRunner {
  readonly #cache: PreparedCache;
  readonly #planner: Planner;
  readonly #batchPlanner: BatchPlanner;
  readonly #executor: RequestExecutor;
  readonly #prepares: PrepareService;
  readonly #query: QueryRequest;
  readonly #execute: ExecuteRequest;
  readonly #batch: BatchRequest;
  readonly #values: FrameValues;
  readonly #batchValues: BatchValues;

  /** The request that is running, if one is, with its message. */
  current: PendingRequest | undefined;
  opcode: number;
  bytes: Uint8Array;
  start: number;
  end: number;

  constructor(options: StatementRunnerOptions) {
    this.#cache = options.cache;
    this.#planner = options.planner;
    this.#batchPlanner = options.batchPlanner;
    this.#executor = options.executor;
    this.#prepares = options.prepares;
    this.#query = new QueryRequest();
    this.#execute = new ExecuteRequest();
    this.#batch = new BatchRequest();
    this.#values = new FrameValues();
    this.#batchValues = new BatchValues();
    this.current = undefined;
    this.opcode = 0;
    this.bytes = NO_BYTES;
    this.start = 0;
    this.end = 0;
  }

  /** Runs the message bytes[start, end). `request` is answered, now or later, whatever happens. */
  run(request: PendingRequest, opcode: number, bytes: Uint8Array, start: number, end: number): void {
    assert(this.current === undefined, 'one request runs at a time');
    this.current = request;
    this.opcode = opcode;
    this.bytes = bytes;
    this.start = start;
    this.end = end;
    try {
      if (opcode === Opcode.Execute) this.#runExecute(request);
      else if (opcode === Opcode.Query) this.#runQuery(request);
      else if (opcode === Opcode.Batch) this.#runBatch(request);
      else this.#prepares.prepare(request, decodePrepare(bytes, start, end));
    } catch (error) {
      // Once answered it is not ours any more: what is thrown then is a bug of who answered.
      if (this.current !== request || !request.isOpen) throw error;
      request.failed(error);
    } finally {
      this.current = undefined;
      this.bytes = NO_BYTES;
      this.#values.clear();
    }
  }

  #runExecute(request: PendingRequest): void {
    const { bytes } = this;
    const execute = this.#execute;
    const { parameters } = execute;
    execute.decode(bytes, this.start, this.end, request.version, request.extensions);
    const statement = this.#cache.find(bytes, execute.idStart, execute.idEnd);
    if (statement === undefined) throw unpreparedError(bytes, execute.idStart, execute.idEnd);
    request.setParameters(bytes, parameters);
    request.statement = statement;
    if (execute.metadataIdStart >= 0) {
      const { id } = statement.result;
      request.hasNewMetadata = !equalBytes(bytes, execute.metadataIdStart, execute.metadataIdEnd, id, 0, id.length);
    }
    // Its names mean what they meant when it was prepared, whatever keyspace is in use now.
    request.keyspace = statement.keyspace;
    request.text = statement.text;
    this.#start(request, statement.plan, parameters);
  }

  #runQuery(request: PendingRequest): void {
    const query = this.#query;
    query.decode(this.bytes, this.start, this.end, request.version);
    request.setParameters(this.bytes, query.parameters);
    request.text = query.text;
    query.text = '';
    this.#start(request, this.#planner(request.text, request.keyspace), query.parameters);
  }

  #start(request: PendingRequest, plan: StatementPlan, parameters: QueryParameters): void {
    const values = this.#values;
    if (parameters.hasNames) values.takeNamed(this.bytes, parameters, plan.markers);
    else values.borrow(this.bytes, parameters.values);
    request.setPlan(plan);
    if (plan.kind !== PlanKind.Batch) {
      this.#executor.execute(plan, values, request, request);
      return;
    }
    const expected = plan.markers.length;
    if (values.count !== expected) {
      throw new InvalidRequestError(`Invalid amount of bind variables: expected ${expected} received ${values.count}`);
    }
    // The statements of a batch text number their markers together: each sees the values of all.
    const shared = new Array<BoundValues>(plan.statements.length).fill(values);
    this.#executor.executeBatch(plan, shared, request, request);
  }

  #runBatch(request: PendingRequest): void {
    const { bytes } = this;
    const batch = this.#batch;
    batch.decode(bytes, this.start, this.end, request.version);
    const { count, values, firstValues, parameters, type } = batch;
    request.consistency = parameters.consistency;
    request.serialConsistency = parameters.serialConsistency;
    request.setTimestamp(parameters);
    if (count === 0) {
      request.done(NO_WARNINGS);
      return;
    }
    const plans: ModifyPlan[] = [];
    const bound: BoundValues[] = [];
    try {
      for (let i = 0; i < count; i++) {
        plans.push(this.#statementOf(batch, i, request.keyspace));
        const record = this.#batchValues.at(i);
        record.takeRange(bytes, values, firstValues[i]!, firstValues[i + 1]!);
        bound.push(record);
      }
      const plan = this.#batchPlanner(plans, type);
      request.setBatch(plan, type);
      this.#executor.executeBatch(plan, bound, request, request);
    } finally {
      this.#batchValues.clear(count);
    }
  }

  #statementOf(batch: BatchRequest, index: number, keyspace: string): ModifyPlan {
    let plan: StatementPlan;
    if (batch.isPrepared[index] === 1) {
      const start = batch.statementStarts[index]!;
      const end = batch.statementEnds[index]!;
      const statement: PreparedStatement | undefined = this.#cache.find(this.bytes, start, end);
      if (statement === undefined) throw unpreparedError(this.bytes, start, end);
      plan = statement.plan;
    } else {
      plan = this.#planner(batch.text(index), keyspace);
    }
    if (plan.kind !== PlanKind.Modify) {
      throw new InvalidRequestError(
        'Invalid statement in batch: only UPDATE, INSERT and DELETE statements are allowed.',
      );
    }
    return plan;
  }
}
