import { encodeCheckpoint, type Positioned } from '../../commitlog/checkpoint-record.ts';
import type { CleanupRecord, TruncateRecord } from '../../commitlog/table-records.ts';
import type { ByteWriter } from '../../core/bytes.ts';

/** The TRUNCATEs and CLEANUPs that the log's CHECKPOINTs must tell of: those that stand in segments which may be replayed. */
export class VoidRecords {
  #truncates: Positioned<TruncateRecord>[] = [];
  #cleanups: Positioned<CleanupRecord>[] = [];

  addTruncation(truncation: Positioned<TruncateRecord>): void {
    this.#truncates.push(truncation);
  }

  addCleanup(cleanup: Positioned<CleanupRecord>): void {
    this.#cleanups.push(cleanup);
  }

  /** Takes one back whose record the log has refused. */
  removeTruncation(truncation: Positioned<TruncateRecord>): void {
    this.#truncates = this.#truncates.filter((each) => each !== truncation);
  }

  /** Appends the CHECKPOINT of a segment that is begun; what stands before segment `oldestNeeded` is forgotten. */
  encode(out: ByteWriter, oldestNeeded: number): void {
    this.#truncates = this.#truncates.filter(({ position }) => position.segmentId >= oldestNeeded);
    this.#cleanups = this.#cleanups.filter(({ position }) => position.segmentId >= oldestNeeded);
    encodeCheckpoint(out, { groups: [], cleanups: this.#cleanups, truncates: this.#truncates });
  }
}
