import { ByteWriter } from '../bytes.ts';
import { MutationWriter } from './frozen-mutation.ts';

/**
 * The frozen mutations of one statement or batch, back to back in one buffer. Reused by `clear()`. Mutation i is
 * `writer.out.bytes[starts[i], ends[i])`.
 */
export class MutationList {
  readonly writer: MutationWriter;
  count = 0;
  starts: Int32Array = new Int32Array(16);
  ends: Int32Array = new Int32Array(16);

  constructor(capacityBytes = 4096) {
    this.writer = new MutationWriter(new ByteWriter(capacityBytes));
  }

  get bytes(): Uint8Array {
    return this.writer.out.bytes;
  }

  clear(): void {
    this.count = 0;
    this.writer.out.length = 0;
  }

  /** Notes that a mutation begins here; then `writer.begin` and its parts. */
  begin(): void {
    if (this.count === this.starts.length) {
      const starts = new Int32Array(this.count * 2);
      const ends = new Int32Array(this.count * 2);
      starts.set(this.starts);
      ends.set(this.ends);
      this.starts = starts;
      this.ends = ends;
    }
    this.starts[this.count] = this.writer.out.length;
  }

  /** Notes that the mutation begun last is complete. */
  end(): void {
    this.ends[this.count] = this.writer.out.length;
    this.count++;
  }
}
