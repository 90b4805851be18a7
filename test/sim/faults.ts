import { TesseraError } from '../../core/errors.ts';
import { ABORTED } from '../../shards/store/background-jobs.ts';
import type { SimCluster } from './sim-cluster.ts';
import type { SimNode } from './sim-node.ts';
import type { SimRandom } from './sim-random.ts';
import type { Workload } from './workload.ts';

const HUGE_BYTES = 2 ** 40;
/** What an acknowledged write may wait for its sync under `periodic`: the period, and a slow disk. */
const MAX_UNSYNCED_MS = 2000;
/** Codes of a request that gave way to another. */
const GIVEN_UP: readonly string[] = [ABORTED, 'NOT_READY'];
const START_LIMIT_MS = 120_000;

const KINDS = ['power', 'kill', 'stop', 'full', 'slow', 'flush', 'compact', 'resets'] as const;

/** What befalls one node, one thing after the other, until `isOver`. */
export class Faults {
  readonly counts: Record<string, number> = {};
  /** What should not have happened. */
  readonly failures: string[] = [];
  isOver = false;
  readonly #cluster: SimCluster;
  readonly #node: SimNode;
  readonly #workload: Workload;
  readonly #random: SimRandom;
  /** The life of the node in which the disk was full last: what works in the background may fail in it. */
  #fullInBoot = 0;

  constructor(cluster: SimCluster, node: SimNode, workload: Workload, random: SimRandom) {
    this.#cluster = cluster;
    this.#node = node;
    this.#workload = workload;
    this.#random = random;
  }

  async run(): Promise<void> {
    const random = this.#random;
    while (!this.isOver) {
      await this.#cluster.sleep(random.next() * 400);
      const kind = random.pick(KINDS);
      this.counts[kind] = (this.counts[kind] ?? 0) + 1;
      await this.#carryOut(kind);
    }
    this.#heal();
  }

  /** A crash, and a start that nothing keeps from succeeding. */
  async crashAndStart(isPowerFailure: boolean): Promise<void> {
    this.#crash(isPowerFailure);
    await this.#start();
  }

  async #carryOut(kind: (typeof KINDS)[number]): Promise<void> {
    const random = this.#random;
    const node = this.#node;
    switch (kind) {
      case 'power':
      case 'kill':
        this.#crash(kind === 'power');
        await this.#restart();
        break;
      case 'stop':
        this.#heal();
        await node.stop().catch((error: unknown) => this.#failed('stop', error));
        await this.#restart();
        break;
      case 'full':
        this.#fullInBoot = node.boot;
        node.files.capacityBytes = HUGE_BYTES;
        node.files.capacityBytes = HUGE_BYTES - node.files.freeBytes('/') + random.integer(0, 100_000);
        await this.#cluster.sleep(random.next() * 300);
        if (random.chance(0.7)) node.files.capacityBytes = Number.POSITIVE_INFINITY; // else until the node is restarted
        break;
      case 'slow':
        node.diskFactor = random.pick([3, 10, 20]);
        await this.#cluster.sleep(random.next() * 500);
        node.diskFactor = 1;
        break;
      case 'flush':
      case 'compact':
        // Not awaited: other faults come while it is under way, and a crash leaves it without an end.
        this.#inBackground(kind, node[kind]());
        break;
      default:
        this.#cluster.network.resetRate = 0.02;
        await this.#cluster.sleep(random.next() * 200);
        this.#cluster.network.resetRate = 0;
    }
  }

  /** Work that may fail for want of space, for a stop, or (a compaction) for a change of the schema. */
  #inBackground(what: string, work: Promise<void>): void {
    const { boot } = this.#node;
    work.catch((error: unknown) => {
      const isGivenUp = error instanceof TesseraError && GIVEN_UP.includes(error.code);
      if (this.#fullInBoot !== boot && !isGivenUp) this.#failed(what, error);
    });
  }

  #heal(): void {
    this.#node.files.capacityBytes = Number.POSITIVE_INFINITY;
    this.#node.diskFactor = 1;
  }

  #crash(isPowerFailure: boolean): void {
    this.#heal();
    this.#node.crash(isPowerFailure);
    if (isPowerFailure && this.#node.sync === 'periodic') this.#workload.mayLose(MAX_UNSYNCED_MS);
  }

  /** Starts the node that is down, perhaps with other shards, perhaps only to crash again in the middle of it. */
  async #restart(): Promise<void> {
    const random = this.#random;
    const node = this.#node;
    await this.#cluster.sleep(random.next() * 100);
    if (random.chance(0.3)) node.shardCount = random.integer(1, 4);
    while (random.chance(0.3)) {
      let isStarted = false;
      node.start().then(
        () => {
          isStarted = true;
        },
        (error: unknown) => this.#failed('start', error),
      );
      await this.#cluster.sleep(random.next() * 60);
      if (isStarted) return;
      this.counts['crash in start'] = (this.counts['crash in start'] ?? 0) + 1;
      this.#crash(random.chance(0.5));
    }
    await this.#start();
  }

  async #start(): Promise<void> {
    let isOver = false;
    const start = this.#node.start().then(
      () => {
        isOver = true;
      },
      (error: unknown) => {
        isOver = true;
        this.#failed('start', error);
        throw error;
      },
    );
    const limit = this.#cluster.sleep(START_LIMIT_MS).then(() => {
      if (!isOver) this.#failed('start', new Error('does not come to an end'));
    });
    await Promise.race([start, limit]);
  }

  #failed(what: string, error: unknown): void {
    const { messages, options } = this.#node;
    const reason = error instanceof Error ? (error.stack ?? error.message) : String(error);
    this.failures.push(`${what} of ${options.name}: ${reason}\n${messages.slice(-5).join('\n')}`);
  }
}
