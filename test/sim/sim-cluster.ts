import { CqlSession } from './cql-session.ts';
import { SimTime } from './sim-clock.ts';
import { CQL_PORT, SimNode, type SimNodeOptions, type SimWorld } from './sim-node.ts';
import { SimRandom } from './sim-random.ts';
import { SimNetwork, type SimNetworkOptions } from './sim-sockets.ts';
import { SimTrace, TracedSockets, TracedTasks } from './sim-trace.ts';

const CLIENT_ADDRESS = '10.9.9.9';
const MIB = 1024 * 1024;

export interface SimClusterOptions {
  readonly nodes: number;
  readonly network?: SimNetworkOptions;
  readonly node?: Partial<SimNodeOptions>;
}

/**
 * Whole nodes, their disks and their clients in one thread, under one seed and one virtual time. Each node is a cluster of its own.
 * What happens is a function of the seed and of what the test asks for.
 */
export class SimCluster implements SimWorld {
  readonly time: SimTime = new SimTime();
  readonly trace: SimTrace = new SimTrace(this.time);
  readonly random: SimRandom;
  readonly network: SimNetwork;
  readonly nodes: readonly SimNode[];
  readonly clientTasks: TracedTasks;
  readonly #clientSockets: TracedSockets;

  constructor(seed: number, options: SimClusterOptions) {
    this.random = new SimRandom(seed);
    this.network = new SimNetwork(this.random.fork(), options.network);
    this.clientTasks = new TracedTasks(this.time, this.random.fork(), this.trace, 'clients');
    const sockets = this.network.sockets(this.clientTasks, CLIENT_ADDRESS);
    this.#clientSockets = new TracedSockets(sockets, this.trace, 'clients');
    this.nodes = Array.from({ length: options.nodes }, (_, i) => {
      const node: SimNodeOptions = {
        name: `node ${i + 1}`,
        address: `10.0.0.${i + 1}`,
        shardCount: 2,
        sync: 'batch',
        memtableBytes: 2 * MIB,
        segmentBytes: 64 * 1024,
        commitlogBytes: MIB,
        ...options.node,
      };
      return new SimNode(this, this.random.fork(), node);
    });
  }

  get traceHash(): number {
    return this.trace.hash;
  }

  /** Runs the simulation until `promise` is settled. @throws Error when nothing more can happen, or `limitMs` have passed */
  run<Result>(promise: Promise<Result>, limitMs = 600_000): Promise<Result> {
    return this.time.runUntilSettled(promise, limitMs);
  }

  /** Lets time pass. */
  async pass(ms: number): Promise<void> {
    await this.run(this.sleep(ms));
  }

  /** For code that `run` runs. */
  sleep(ms: number): Promise<void> {
    return new Promise((done) => this.clientTasks.post(ms, done));
  }

  /** A new connection to one of a node's shards. Rejects when nobody listens. */
  connect(node: SimNode): Promise<CqlSession> {
    return CqlSession.open(this.#clientSockets, node.options.address, CQL_PORT);
  }
}
