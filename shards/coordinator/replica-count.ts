import { InvalidRequestError, TesseraError } from '../../core/errors.ts';
import type { Replication } from '../../core/schema/keyspace.ts';
import { Consistency, consistencyName } from '../../cql/protocol/consistency.ts';

/** Live nodes per data centre, and which is ours. */
export interface LiveNodes {
  readonly localDataCenter: string;
  readonly perDataCenter: ReadonlyMap<string, number>;
}

/** How many replicas a keyspace has in a data centre; `undefined` asks for all data centres. */
export function replicationFactor(replication: Replication, dataCenter: string | undefined, nodes: LiveNodes): number {
  const strategy = replication.class!.slice(replication.class!.lastIndexOf('.') + 1);
  switch (strategy) {
    case 'SimpleStrategy':
      return Number(replication.replication_factor ?? 1);
    case 'EverywhereStrategy': {
      if (dataCenter !== undefined) return nodes.perDataCenter.get(dataCenter) ?? 0;
      let all = 0;
      for (const count of nodes.perDataCenter.values()) all += count;
      return all;
    }
    case 'LocalStrategy':
      return 1;
    default: {
      if (dataCenter !== undefined) return Number(replication[dataCenter] ?? 0);
      let all = 0;
      for (const [key, value] of Object.entries(replication)) if (key !== 'class') all += Number(value);
      return all;
    }
  }
}

const quorum = (replicas: number): number => Math.floor(replicas / 2) + 1;

function isLocal(level: Consistency): boolean {
  return level === Consistency.LocalOne || level === Consistency.LocalQuorum || level === Consistency.LocalSerial;
}

/**
 * Replicas that must answer before the client is answered (consistency spec §1.3).
 * @throws InvalidRequestError for a level that this kind of request cannot have
 */
export function blockFor(level: Consistency, isWrite: boolean, replication: Replication, nodes: LiveNodes): number {
  switch (level) {
    case Consistency.Any:
      if (!isWrite) throw new InvalidRequestError('ANY ConsistencyLevel is only supported for writes');
      return 1;
    case Consistency.One:
    case Consistency.LocalOne:
      return 1;
    case Consistency.Two:
      return 2;
    case Consistency.Three:
      return 3;
    case Consistency.All:
      return replicationFactor(replication, undefined, nodes);
    case Consistency.EachQuorum: {
      if (!isWrite) throw new InvalidRequestError('EACH_QUORUM ConsistencyLevel is only supported for writes');
      let all = 0;
      for (const dataCenter of nodes.perDataCenter.keys()) {
        const replicas = replicationFactor(replication, dataCenter, nodes);
        if (replicas > 0) all += quorum(replicas);
      }
      return Math.max(1, all);
    }
    case Consistency.Serial:
    case Consistency.LocalSerial:
      if (isWrite)
        throw new InvalidRequestError(
          `${consistencyName(level)} is not supported as conditional update commit consistency`,
        );
      return quorum(replicationFactor(replication, isLocal(level) ? nodes.localDataCenter : undefined, nodes));
    case Consistency.LocalQuorum:
      return quorum(replicationFactor(replication, nodes.localDataCenter, nodes));
    default:
      return quorum(replicationFactor(replication, undefined, nodes));
  }
}

/**
 * Refuses a request that too few live replicas could answer, before anything is done.
 * @throws TesseraError UNAVAILABLE with `required` and `alive`
 */
export function assureReplicas(level: Consistency, isWrite: boolean, replication: Replication, nodes: LiveNodes): void {
  const required = blockFor(level, isWrite, replication, nodes);
  let alive = 0;
  for (const [dataCenter, live] of nodes.perDataCenter) {
    if (isLocal(level) && dataCenter !== nodes.localDataCenter) continue;
    alive += Math.min(live, replicationFactor(replication, dataCenter, nodes));
  }
  if (alive >= required) return;
  throw new TesseraError(
    'UNAVAILABLE',
    `Cannot achieve consistency level ${consistencyName(level)}: requires ${required}, alive ${alive}`,
    { consistency: level, required, alive },
  );
}

/** Remembers what `assureReplicas` allowed for the keyspace last asked about: most requests are for one. */
export class ReplicaCheck {
  #replication: Replication | undefined;
  #nodes: LiveNodes | undefined;
  /** By 2 * level + isWrite. */
  readonly #isAssured: Uint8Array = new Uint8Array(32);

  /** @throws what `assureReplicas` throws */
  assure(level: Consistency, isWrite: boolean, replication: Replication, nodes: LiveNodes): void {
    if (replication !== this.#replication || nodes !== this.#nodes) {
      this.#replication = replication;
      this.#nodes = nodes;
      this.#isAssured.fill(0);
    }
    const at = level * 2 + (isWrite ? 1 : 0);
    if (this.#isAssured[at] === 1) return;
    assureReplicas(level, isWrite, replication, nodes);
    this.#isAssured[at] = 1;
  }
}
