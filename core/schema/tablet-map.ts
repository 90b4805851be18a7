import { assert } from '../assert.ts';
import type { TableId } from '../ids.ts';
import { MAX_TABLET_COUNT, tabletOfToken } from '../token.ts';

/**
 * Where the tablets of one table lie. Columns of numbers: replica r of tablet t is entry `t * replicaCount + r` of `hosts`
 * (index of the node in the node list of group 0, for life) and `shards` (thread of that node). Immutable.
 */
export class TabletMap {
  readonly tableId: TableId;
  /** Topology version at which this map was made: two maps of a table with one version are the same. */
  readonly version: number;
  /** Number of tablets, a power of two. */
  readonly count: number;
  /** Replicas of each tablet, on different hosts. */
  readonly replicaCount: number;
  readonly hosts: Int32Array;
  readonly shards: Int32Array;

  /** Keeps the arrays: they must not change any more. */
  constructor(tableId: TableId, version: number, count: number, hosts: Int32Array, shards: Int32Array) {
    assert(count > 0 && count <= MAX_TABLET_COUNT && (count & (count - 1)) === 0, 'tablet count is a power of two');
    assert(hosts.length === shards.length && hosts.length % count === 0, 'every tablet has as many replicas');
    this.tableId = tableId;
    this.version = version;
    this.count = count;
    this.replicaCount = hosts.length / count;
    this.hosts = hosts;
    this.shards = shards;
  }

  /** The tablet that owns a token. O(1). @param tokenHi upper half of the token */
  tabletOf(tokenHi: number): number {
    return tabletOfToken(tokenHi, this.count);
  }

  /** The shard of `host` that has a replica of `tablet`, or -1. */
  shardOn(host: number, tablet: number): number {
    const end = (tablet + 1) * this.replicaCount;
    for (let i = end - this.replicaCount; i < end; i++) if (this.hosts[i] === host) return this.shards[i]!;
    return -1;
  }

  /** The tablets from the point of view of one host. */
  onHost(host: number): HostTablets {
    const shards = new Int32Array(this.count);
    for (let tablet = 0; tablet < this.count; tablet++) shards[tablet] = this.shardOn(host, tablet);
    return new HostTablets(this.version, shards);
  }
}

/** Which shard of one host has which tablet of one table. Immutable. */
export class HostTablets {
  /** As `TabletMap.version`. */
  readonly version: number;
  readonly tabletCount: number;
  readonly #shards: Int32Array;

  constructor(version: number, shards: Int32Array) {
    this.version = version;
    this.tabletCount = shards.length;
    this.#shards = shards;
  }

  /** The shard with a replica of `tablet`, -1 when this host has none. */
  shardOf(tablet: number): number {
    return this.#shards[tablet]!;
  }

  /** The shard that owns a token, -1 when this host has no replica. O(1). */
  shardOfToken(tokenHi: number): number {
    return this.#shards[tabletOfToken(tokenHi, this.tabletCount)]!;
  }
}
