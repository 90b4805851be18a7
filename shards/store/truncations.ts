import { encodeCheckpoint, type Positioned } from '../../commitlog/checkpoint-record.ts';
import type { TruncateRecord } from '../../commitlog/table-records.ts';
import type { ByteWriter } from '../../core/bytes.ts';

/** The truncations that the log's CHECKPOINTs must tell of: those that stand in segments which may be replayed. */
export class Truncations {
  #kept: Positioned<TruncateRecord>[] = [];

  add(truncation: Positioned<TruncateRecord>): void {
    this.#kept.push(truncation);
  }

  /** Takes one back whose record the log has refused. */
  remove(truncation: Positioned<TruncateRecord>): void {
    this.#kept = this.#kept.filter((each) => each !== truncation);
  }

  /** Appends the CHECKPOINT of a segment that is begun; what stands before segment `oldestNeeded` is forgotten. */
  encode(out: ByteWriter, oldestNeeded: number): void {
    this.#kept = this.#kept.filter(({ position }) => position.segmentId >= oldestNeeded);
    encodeCheckpoint(out, { groups: [], cleanups: [], truncates: this.#kept });
  }
}
