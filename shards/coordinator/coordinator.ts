import { decodeError } from '../../core/error-codec.ts';
import { InvalidRequestError, TesseraError } from '../../core/errors.ts';
import type { TableId } from '../../core/ids.ts';
import type { Metrics } from '../../core/metrics.ts';
import { MutationList } from '../../core/mutation/mutation-list.ts';
import type { Clock } from '../../core/ports/clock.ts';
import type { Log } from '../../core/ports/log.ts';
import { MAIN_THREAD, type Mailbox, MailClass, type Reply, type ThreadId } from '../../core/ports/mailbox.ts';
import type { Random } from '../../core/ports/random.ts';
import type { Tasks } from '../../core/ports/tasks.ts';
import type { ReadCommand } from '../../core/read/read-command.ts';
import type { RowSource } from '../../core/read/row-source.ts';
import type { Replication } from '../../core/schema/keyspace.ts';
import type { TableDescriptor } from '../../core/schema/table.ts';
import type { TimestampSource } from '../../core/timestamps.ts';
import { tabletOfToken } from '../../core/token.ts';
import { uuidBytes, uuidText } from '../../core/uuid-bytes.ts';
import {
  type BatchPlan,
  type BoundReadModify,
  type BoundSelect,
  type BoundValues,
  type ModifyPlan,
  PlanKind,
  type ResultColumn,
  type SelectPlan,
  type StatementPlan,
} from '../../cql/plan/plan.ts';
import { Consistency } from '../../cql/protocol/consistency.ts';
import type { SchemaChange } from '../../cql/protocol/event.ts';
import { isSystemKeyspace } from '../../cql/system/system-tables.ts';
import type { Completion, RequestExecutor, RequestOptions } from '../server/request-executor.ts';
import { Verb } from '../verbs.ts';
import { DamageLog } from './damage-log.ts';
import { ExecutionClock } from './execution-clock.ts';
import { LightweightTransactions } from './lightweight.ts';
import type { LocalStore } from './local-store.ts';
import { readsOneRow } from './one-row.ts';
import { ReadCoordinator } from './read-coordinator.ts';
import { ReplicaCheck } from './replica-count.ts';
import type { Routing, TabletRoute } from './routing.ts';
import { WriteCoordinator } from './write-coordinator.ts';

/** Request timeouts in milliseconds, as configured now; they may change while the node runs. */
export interface RequestTimeouts {
  readonly readMs: number;
  readonly rangeMs: number;
  readonly writeMs: number;
  readonly casContentionMs: number;
  readonly truncateMs: number;
  readonly schemaMs: number;
}

export interface CoordinatorOptions {
  readonly self: ThreadId;
  readonly shardCount: number;
  readonly mailbox: Mailbox;
  readonly store: LocalStore;
  readonly clock: Clock;
  readonly tasks: Tasks;
  readonly random: Random;
  readonly timestamps: TimestampSource;
  readonly log: Log;
  readonly metrics: Metrics;
  readonly routing: () => Routing;
  readonly timeouts: () => RequestTimeouts;
  /** The rows of a system table, or undefined. */
  readonly systemSource: (table: TableId) => RowSource | undefined;
}

/** What the main thread answers to DDL. */
interface SchemaAnswer {
  /** Undefined when there was nothing to do. */
  readonly event?: SchemaChange;
  readonly warnings: readonly string[];
}

/** A write whose answer is still to come. */
interface PendingWrite {
  completion: Completion;
  warnings: readonly string[];
}

const NO_WARNINGS: readonly string[] = [];

/**
 * Carries plans out. Each shard coordinates the requests of its own connections: it checks the consistency level, sends mutations
 * and reads to the shards that own the tablets, and answers through the completion. Lightweight transactions are bounced to
 * the partition's shard, DDL goes to the main thread.
 */
export class Coordinator implements RequestExecutor {
  readonly #options: CoordinatorOptions;
  readonly #execution: ExecutionClock;
  readonly #writes: WriteCoordinator;
  readonly #reads: ReadCoordinator;
  readonly #lightweight: LightweightTransactions;
  readonly #replicas = new ReplicaCheck();
  /** The table asked for last, with what one version of the metadata says of it: most requests are for one table. */
  #lastTable: TableDescriptor | undefined;
  #lastRouting: Routing | undefined;
  #lastRoute: TabletRoute | undefined;
  #lastReplication: Replication | undefined;
  #lastIsSystem = false;
  readonly #mutations = new MutationList(64 * 1024);
  readonly #pending: (PendingWrite | undefined)[] = [];
  readonly #freePending: number[] = [];

  constructor(options: CoordinatorOptions) {
    const { self, mailbox, store, clock, tasks, timestamps } = options;
    this.#options = options;
    const damage = new DamageLog(clock, options.log, options.metrics);
    this.#execution = new ExecutionClock(clock, options.random, timestamps);
    this.#writes = new WriteCoordinator(self, mailbox, store, clock, tasks);
    this.#reads = new ReadCoordinator(self, mailbox, store, clock, tasks, options.routing, damage);
    this.#lightweight = new LightweightTransactions(
      this.#reads,
      this.#writes,
      clock,
      tasks,
      timestamps,
      this.#execution,
    );
    mailbox.serve(Verb.Truncate, MailClass.Control, this.#onTruncate);
  }

  execute(plan: StatementPlan, values: BoundValues, options: RequestOptions, completion: Completion): void {
    try {
      switch (plan.kind) {
        case PlanKind.Select:
          this.#select(plan, values, options, completion);
          break;
        case PlanKind.Modify:
          this.#modify(plan, values, options, completion);
          break;
        case PlanKind.Batch:
          throw new InvalidRequestError('a batch takes its values statement by statement');
        case PlanKind.Use:
          completion.keyspaceSet(plan.keyspace);
          break;
        case PlanKind.Truncate:
          this.#truncate(plan.descriptor, options, completion);
          break;
        default:
          this.#changeSchema(options, completion);
      }
    } catch (error) {
      completion.failed(error);
    }
  }

  executeBatch(plan: BatchPlan, values: readonly BoundValues[], options: RequestOptions, completion: Completion): void {
    try {
      const timeoutMs = plan.timeoutMs(values) ?? this.#options.timeouts().writeMs;
      const deadlineMs = this.#options.clock.monotonicMs() + timeoutMs;
      this.#begin(options);
      if (plan.statements.length === 0) {
        completion.done(plan.warnings);
        return;
      }
      for (const { descriptor } of plan.statements) this.#assureWrite(descriptor, options, plan.isConditional);
      if (!plan.needsRead) {
        this.#mutations.clear();
        plan.bind(values, this.#execution, this.#mutations);
        this.#write(undefined, deadlineMs, completion, plan.warnings);
        return;
      }
      const bound = plan.bindReadModify(values, this.#execution);
      this.#readModify(plan, plan.statements[0]!.descriptor, bound, options, deadlineMs, completion);
    } catch (error) {
      completion.failed(error);
    }
  }

  #select(plan: SelectPlan, values: BoundValues, options: RequestOptions, completion: Completion): void {
    const { clock, timeouts } = this.#options;
    const { descriptor } = plan;
    const isSerial = options.consistency === Consistency.Serial || options.consistency === Consistency.LocalSerial;
    const { nodes } = this.#look(descriptor);
    const replication = this.#lastReplication;
    if (replication !== undefined) this.#replicas.assure(options.consistency, false, replication, nodes);
    this.#execution.beginRead();
    const bound = plan.bind(
      values,
      { pageSize: options.pageSize, pagingState: options.pagingState, isSerial },
      this.#execution,
    );
    const { command } = bound;
    if (command === undefined) {
      bound.finish(true);
      sendRows(completion, plan, bound);
      return;
    }
    const limits = timeouts();
    const defaultMs = command.range === undefined ? limits.readMs : limits.rangeMs;
    const timeoutMs = plan.timeoutMs(values) ?? defaultMs;
    const to = this.#bounceTarget(descriptor, command, options);
    if (to !== undefined) {
      bound.release();
      completion.bounce(to, clock.monotonicMs() + timeoutMs);
      return;
    }
    const outcome = (exhausted: boolean, error: Error | undefined): void => {
      if (error !== undefined) {
        completion.failed(error);
        return;
      }
      try {
        bound.finish(exhausted);
      } catch (failure) {
        completion.failed(failure);
        return;
      }
      sendRows(completion, plan, bound);
    };
    if (this.#lastIsSystem) {
      const source = this.#options.systemSource(descriptor.id);
      this.#reads.readSource(source, descriptor, command, bound, timeoutMs, options, outcome);
      return;
    }
    this.#reads.read(descriptor, command, this.#routeOf(descriptor), bound, timeoutMs, options, outcome);
  }

  /**
   * The shard that has the row, for a read of one row that another shard has: passing its answer through costs less than a page
   * between shards. More than a row is not asked for so: that work must end when this shard's client goes.
   */
  #bounceTarget(table: TableDescriptor, command: ReadCommand, options: RequestOptions): ThreadId | undefined {
    const { shardCount, self } = this.#options;
    if (shardCount === 1 || this.#lastIsSystem) return undefined;
    if (!options.isPrepared || options.isBounced || !readsOneRow(command, table)) return undefined;
    const route = this.#routeOf(table);
    const shard = route.shardOf(tabletOfToken(command.partitions[0]!.tokenHi, route.tabletCount));
    return shard === self ? undefined : shard;
  }

  #modify(plan: ModifyPlan, values: BoundValues, options: RequestOptions, completion: Completion): void {
    const timeoutMs = plan.timeoutMs(values) ?? this.#options.timeouts().writeMs;
    const deadlineMs = this.#options.clock.monotonicMs() + timeoutMs;
    this.#assureWrite(plan.descriptor, options, plan.isConditional);
    this.#begin(options);
    if (!plan.needsRead && !plan.isConditional) {
      this.#mutations.clear();
      plan.bind(values, this.#execution, this.#mutations);
      this.#write(this.#routeOf(plan.descriptor), deadlineMs, completion, plan.warnings);
      return;
    }
    const bound = plan.bindReadModify(values, this.#execution);
    this.#readModify(plan, plan.descriptor, bound, options, deadlineMs, completion);
  }

  /** Statements that read before they write: on the shard that owns the partition, one at a time per partition. */
  #readModify(
    plan: ModifyPlan | BatchPlan,
    table: TableDescriptor,
    bound: BoundReadModify,
    options: RequestOptions,
    deadlineMs: number,
    completion: Completion,
  ): void {
    const route = this.#routeOf(table);
    const partition = bound.command.partitions[0]!;
    const shard = route.shardOf(tabletOfToken(partition.tokenHi, route.tabletCount));
    if (shard !== this.#options.self) {
      if (options.isBounced) throw new TesseraError('OVERLOADED', 'the tablet moved while the request was on its way');
      completion.bounce(shard);
      return;
    }
    const contentionMs = this.#options.timeouts().casContentionMs;
    const columns: readonly ResultColumn[] | undefined = plan.resultColumns;
    this.#lightweight.run({ table, route, bound, deadlineMs, contentionMs, caller: options }).then(
      () => {
        if (columns === undefined) completion.done(plan.warnings);
        else completion.rows(columns, bound.rowCount, bound.rows, undefined, plan.warnings);
      },
      (error: unknown) => completion.failed(error),
    );
  }

  /** Sends the shard's list of mutations on its way. */
  #write(
    route: TabletRoute | undefined,
    deadlineMs: number,
    completion: Completion,
    warnings: readonly string[],
  ): void {
    const slot = this.#freePending.pop() ?? this.#pending.length;
    const pending = this.#pending[slot];
    if (pending === undefined) this.#pending[slot] = { completion, warnings };
    else {
      pending.completion = completion;
      pending.warnings = warnings;
    }
    this.#writes.write(this.#mutations, route, this.#routeById, false, deadlineMs, this.#onWritten, slot);
  }

  readonly #onWritten = (slot: number, error: Error | undefined): void => {
    const { completion, warnings } = this.#pending[slot]!;
    this.#freePending.push(slot);
    if (error === undefined) completion.done(warnings);
    else completion.failed(error);
  };

  #begin(options: RequestOptions): void {
    if (options.hasTimestamp) this.#execution.beginAt(options.timestampHi, options.timestampLo);
    else this.#execution.begin();
  }

  #assureWrite(table: TableDescriptor, options: RequestOptions, isConditional: boolean): void {
    const { nodes } = this.#look(table);
    if (this.#lastIsSystem) {
      throw new TesseraError('UNAUTHORIZED', `system keyspace ${table.keyspace} is not user-modifiable`);
    }
    const replication = this.#lastReplication;
    if (replication === undefined) return;
    this.#replicas.assure(options.consistency, true, replication, nodes);
    if (isConditional) this.#replicas.assure(options.serialConsistency, false, replication, nodes);
  }

  readonly #routeById = (table: TableId): TabletRoute | undefined => this.#options.routing().route(table);

  #routeOf(table: TableDescriptor): TabletRoute {
    this.#look(table);
    if (this.#lastRoute === undefined) throw new InvalidRequestError(`unconfigured table ${table.name}`);
    return this.#lastRoute;
  }

  /** Sets `last*` to what the metadata, as it is now, says of a table. */
  #look(table: TableDescriptor): Routing {
    const routing = this.#options.routing();
    if (table === this.#lastTable && routing === this.#lastRouting) return routing;
    this.#lastTable = table;
    this.#lastRouting = routing;
    this.#lastRoute = routing.route(table.id);
    this.#lastReplication = routing.replication(table.keyspace);
    this.#lastIsSystem = isSystemKeyspace(table.keyspace);
    return routing;
  }

  #changeSchema(options: RequestOptions, completion: Completion): void {
    const { mailbox, clock, timeouts } = this.#options;
    const deadlineMs = clock.monotonicMs() + timeouts().schemaMs;
    const request = Buffer.from(JSON.stringify({ keyspace: options.keyspace, text: options.text }));
    mailbox.call(
      MAIN_THREAD,
      Verb.SchemaChange,
      request,
      0,
      request.length,
      deadlineMs,
      (status, bytes, start, end) => {
        if (status !== 0) {
          completion.failed(decodeError(bytes, start, end));
          return;
        }
        const answer = JSON.parse(Buffer.from(bytes.slice(start, end)).toString()) as SchemaAnswer;
        if (answer.event === undefined) completion.done(answer.warnings);
        else completion.schemaChanged(answer.event, answer.warnings);
      },
    );
  }

  #truncate(table: TableDescriptor, options: RequestOptions, completion: Completion): void {
    this.#assureWrite(table, { ...options, consistency: Consistency.One }, false);
    const { shardCount, mailbox, clock, timeouts } = this.#options;
    const deadlineMs = clock.monotonicMs() + timeouts().truncateMs;
    const id = uuidBytes(table.id);
    let outstanding = shardCount;
    let failure: Error | undefined;
    for (let shard = 0; shard < shardCount; shard++) {
      mailbox.call(shard, Verb.Truncate, id, 0, id.length, deadlineMs, (status, bytes, start, end) => {
        if (status !== 0) failure ??= decodeError(bytes, start, end);
        if (--outstanding > 0) return;
        if (failure === undefined) completion.done(NO_WARNINGS);
        else completion.failed(new TesseraError('TRUNCATE', `Error during truncate: ${failure.message}`));
      });
    }
  }

  readonly #onTruncate = (
    _from: ThreadId,
    bytes: Uint8Array,
    start: number,
    _end: number,
    _deadlineMs: number,
    reply: Reply,
  ): void => {
    const table = uuidText(bytes, start) as TableId;
    this.#options.store.truncate(table).then(
      () => reply.ok(bytes, 0, 0),
      (error: unknown) => reply.fail(error as Error),
    );
  };
}

function sendRows(completion: Completion, plan: SelectPlan, bound: BoundSelect): void {
  completion.rows(plan.resultColumns, bound.rowCount, bound.rows, bound.pagingState, plan.warnings);
  bound.release();
}
