import { comparePositions } from '../../commitlog/replay-position.ts';
import { segmentShard } from '../../commitlog/segment.ts';
import type { LogInterval, Statistics } from '../../sstable/format/statistics.ts';

/**
 * Up to where the log of each shard that ever had a tablet is in the tablet's SSTables. A tablet's memtables are flushed in
 * their order, so one position per shard says it all: everything of the tablet up to there need not be replayed. Segment ids of
 * different shards are not comparable, hence one position each.
 */
export class FlushedPositions {
  readonly #segment = new Map<number, number>();
  readonly #offset = new Map<number, number>();

  /** Takes in what an SSTable says about itself. Positions of other hosts mean nothing here. */
  addStatistics(statistics: Statistics, hostId: string): void {
    if (statistics.stats.hostId !== hostId) return;
    for (const { end } of statistics.stats.logIntervals) {
      if (end.segment <= 0n || end.segment > BigInt(Number.MAX_SAFE_INTEGER)) continue;
      this.add(Number(end.segment), end.position);
    }
  }

  add(segmentId: number, offset: number): void {
    const shard = segmentShard(segmentId);
    const segment = this.#segment.get(shard);
    if (segment !== undefined && comparePositions(segmentId, offset, segment, this.#offset.get(shard)!) <= 0) return;
    this.#segment.set(shard, segmentId);
    this.#offset.set(shard, offset);
  }

  /** True when the record that ends at this position is in an SSTable. */
  covers(segmentId: number, offset: number): boolean {
    const shard = segmentShard(segmentId);
    const segment = this.#segment.get(shard);
    return segment !== undefined && comparePositions(segmentId, offset, segment, this.#offset.get(shard)!) <= 0;
  }

  /** True when all that is said here is about the position's shard and lies at or before it. */
  isWithin(segmentId: number, offset: number): boolean {
    const shard = segmentShard(segmentId);
    const segment = this.#segment.get(shard);
    if (segment === undefined || this.#segment.size > 1) return false;
    return comparePositions(segment, this.#offset.get(shard)!, segmentId, offset) <= 0;
  }

  /**
   * True when this says more than `others` of records that may be replayed: those of `shard` from segment `oldest` on. What logs of
   * other shards still hold is not known here: any of their records may.
   */
  hasBeyond(others: FlushedPositions, shard: number, oldest: number): boolean {
    for (const [writer, segmentId] of this.#segment) {
      if (others.covers(segmentId, this.#offset.get(writer)!)) continue;
      if (writer !== shard || segmentId >= oldest) return true;
    }
    return false;
  }

  /** The highest segment id of a shard that is spoken of, 0 for none. */
  highestSegment(shard: number): number {
    return this.#segment.get(shard) ?? 0;
  }

  /** For the statistics of an SSTable: each interval begins where the shard's log begins. */
  intervals(): LogInterval[] {
    return [...this.#segment].map(([shard, segmentId]) => ({
      start: { segment: BigInt(shard), position: 0 },
      end: { segment: BigInt(segmentId), position: this.#offset.get(shard)! },
    }));
  }
}
