import { WriteTimeoutError } from '../../core/errors.ts';
import { MutationList } from '../../core/mutation/mutation-list.ts';
import { RowReader } from '../../core/mutation/row-body.ts';
import type { Clock } from '../../core/ports/clock.ts';
import type { Tasks } from '../../core/ports/tasks.ts';
import { FragmentKind, type RowBatch } from '../../core/read/row-batch.ts';
import type { TableDescriptor } from '../../core/schema/table.ts';
import type { TimestampSource } from '../../core/timestamps.ts';
import type { BoundReadModify } from '../../cql/plan/plan.ts';
import type { ExecutionClock } from './execution-clock.ts';
import { PartitionLatches } from './partition-latches.ts';
import type { ReadCaller, ReadCoordinator } from './read-coordinator.ts';
import type { TabletRoute } from './routing.ts';
import type { WriteCoordinator } from './write-coordinator.ts';

/** A conditional statement or batch on one partition of a table with tablets. */
export interface ConditionalRequest {
  readonly table: TableDescriptor;
  readonly route: TabletRoute;
  readonly bound: BoundReadModify;
  readonly deadlineMs: number;
  /** How long to wait for others on the same partition: cas_contention_timeout. */
  readonly contentionMs: number;
  readonly caller: ReadCaller;
}

/**
 * Lightweight transactions: reads a partition, judges conditions, writes, as one step that no other of its kind sees half. The
 * interface is Paxos's (propose a change that depends on what is read); on one replica a latch per partition on the owning
 * shard does the same. What is written is synced before the answer, and is later than everything that was read.
 */
export class LightweightTransactions {
  readonly #reads: ReadCoordinator;
  readonly #writes: WriteCoordinator;
  readonly #clock: Clock;
  readonly #tasks: Tasks;
  readonly #timestamps: TimestampSource;
  readonly #execution: ExecutionClock;
  readonly #latches = new PartitionLatches();

  constructor(
    reads: ReadCoordinator,
    writes: WriteCoordinator,
    clock: Clock,
    tasks: Tasks,
    timestamps: TimestampSource,
    execution: ExecutionClock,
  ) {
    this.#reads = reads;
    this.#writes = writes;
    this.#clock = clock;
    this.#tasks = tasks;
    this.#timestamps = timestamps;
    this.#execution = execution;
  }

  /**
   * Carries the request out on the shard that owns the partition. Resolves when it was decided and, if applied, durable: the
   * bound statement then has its rows.
   * @throws WriteTimeoutError of type CAS when the partition was busy for too long or the outcome is unknown
   */
  async run(request: ConditionalRequest): Promise<void> {
    const partition = request.bound.command.partitions[0]!;
    const name = `${request.table.id}${Buffer.from(partition.key).toString('latin1')}`;
    await this.#acquire(name, Math.min(request.deadlineMs, this.#clock.monotonicMs() + request.contentionMs));
    try {
      await this.#read(request);
      this.#execution.begin();
      const list = new MutationList(1024);
      if (request.bound.decide(this.#execution, list)) await this.#write(list, request);
    } finally {
      this.#latches.release(name);
    }
  }

  #acquire(name: string, deadlineMs: number): Promise<void> {
    const turn = this.#latches.acquire(name);
    if (turn === undefined) return Promise.resolve();
    return new Promise((granted, failed) => {
      let isGone = false;
      const timer = this.#tasks.setTimer(Math.max(0, deadlineMs - this.#clock.monotonicMs()), () => {
        isGone = true;
        failed(new WriteTimeoutError('the partition is busy with other conditional statements', CAS_FACTS));
      });
      void turn.then(() => {
        if (isGone) {
          this.#latches.release(name);
          return;
        }
        this.#tasks.clearTimer(timer);
        granted();
      });
    });
  }

  #read({ table, route, bound, deadlineMs, caller }: ConditionalRequest): Promise<void> {
    const sink = {
      accept: (batch: RowBatch): boolean => {
        this.#advancePast(batch);
        bound.accept(batch);
        return true;
      },
    };
    return new Promise((done, failed) => {
      const timeoutMs = deadlineMs - this.#clock.monotonicMs();
      this.#reads.read(table, bound.command, route, sink, timeoutMs, caller, (_exhausted, error) => {
        if (error === undefined) done();
        else failed(error);
      });
    });
  }

  #write(list: MutationList, { route, deadlineMs }: ConditionalRequest): Promise<void> {
    return new Promise((done, failed) => {
      const outcome = (_context: number, error: Error | undefined): void => {
        if (error === undefined) done();
        else if (error instanceof WriteTimeoutError) failed(new WriteTimeoutError(error.message, CAS_FACTS));
        else failed(error);
      };
      this.#writes.write(list, route, () => route, true, deadlineMs, outcome, 0);
    });
  }

  /** Cells may carry timestamps of clients or other clocks: what is written next must not lose against them. */
  #advancePast(batch: RowBatch): void {
    const reader = this.#reader;
    for (let i = 0; i < batch.count; i++) {
      const kind = batch.kind[i]!;
      if (kind !== FragmentKind.Row && kind !== FragmentKind.StaticRow) continue;
      reader.open(batch.bytes, batch.bodyStart[i]!, batch.bodyEnd[i]!);
      this.#timestamps.advancePast(reader.livenessHi, reader.livenessLo);
      while (reader.next()) this.#timestamps.advancePast(reader.timestampHi, reader.timestampLo);
    }
  }
  readonly #reader = new RowReader();
}

const CAS_FACTS = { received: 0, blockFor: 1, writeType: 'CAS' };
