import { InvalidRequestError } from '../../core/errors.ts';
import type { BindMarker, BoundValues } from '../../cql/plan/plan.ts';
import type { QueryParameters, ValueRanges } from '../../cql/protocol/query-parameters.ts';
import { decodeUtf8 } from '../../cql/protocol/utf8.ts';

const NO_BYTES = new Uint8Array(0);
const FIRST_CAPACITY = 16;
/** A record that held more values than this gives its arrays back. */
const KEPT_CAPACITY = 4096;

/** The values of one statement as plans take them. A record that is filled anew for each request and borrows the frame. */
export class FrameValues implements BoundValues {
  bytes: Uint8Array;
  starts: Int32Array;
  lengths: Int32Array;
  count: number;
  /** Arrays of our own for values that are not in the parameters' order; `starts` and `lengths` may be those or borrowed. */
  #ownStarts: Int32Array;
  #ownLengths: Int32Array;

  constructor() {
    this.bytes = NO_BYTES;
    this.#ownStarts = new Int32Array(FIRST_CAPACITY);
    this.#ownLengths = new Int32Array(FIRST_CAPACITY);
    this.starts = this.#ownStarts;
    this.lengths = this.#ownLengths;
    this.count = 0;
  }

  /** Takes the values of a QUERY or EXECUTE as they are, which copies nothing. */
  borrow(bytes: Uint8Array, values: ValueRanges): void {
    this.bytes = bytes;
    this.starts = values.starts;
    this.lengths = values.lengths;
    this.count = values.count;
  }

  /** Takes values[first, end) of a BATCH. */
  takeRange(bytes: Uint8Array, values: ValueRanges, first: number, end: number): void {
    this.#own(end - first);
    this.bytes = bytes;
    for (let i = first; i < end; i++) {
      this.starts[i - first] = values.starts[i]!;
      this.lengths[i - first] = values.lengths[i]!;
    }
    this.count = end - first;
  }

  /**
   * Takes named values in the order of the markers. Of a name that comes twice the last value counts; names that no marker has are
   * ignored, as ScyllaDB does.
   * @throws InvalidRequestError for a marker without a value
   * @throws ProtocolError for a name that is not UTF-8
   */
  takeNamed(bytes: Uint8Array, parameters: QueryParameters, markers: readonly BindMarker[]): void {
    const { values, nameStarts, nameLengths } = parameters;
    const indexes = new Map<string, number>();
    for (let i = 0; i < values.count; i++) {
      indexes.set(decodeUtf8(bytes, nameStarts[i]!, nameStarts[i]! + nameLengths[i]!), i);
    }
    this.#own(markers.length);
    this.bytes = bytes;
    for (const [i, marker] of markers.entries()) {
      const index = indexes.get(marker.name);
      if (index === undefined) throw new InvalidRequestError(`Missing value for bind variable ${marker.name}`);
      this.starts[i] = values.starts[index]!;
      this.lengths[i] = values.lengths[index]!;
    }
    this.count = markers.length;
  }

  /** Forgets the frame. */
  clear(): void {
    this.bytes = NO_BYTES;
    this.starts = this.#ownStarts;
    this.lengths = this.#ownLengths;
    this.count = 0;
  }

  #own(count: number): void {
    if (count > this.#ownStarts.length || this.#ownStarts.length > KEPT_CAPACITY) {
      const capacity = Math.max(count, FIRST_CAPACITY);
      this.#ownStarts = new Int32Array(capacity);
      this.#ownLengths = new Int32Array(capacity);
    }
    this.starts = this.#ownStarts;
    this.lengths = this.#ownLengths;
  }
}

/** Records for the statements of a batch. */
export class BatchValues {
  readonly #records: FrameValues[];

  constructor() {
    this.#records = [];
  }

  /** The record of statement `index`; it stays this batch's until the next one. */
  at(index: number): FrameValues {
    let record = this.#records[index];
    if (record === undefined) {
      record = new FrameValues();
      this.#records[index] = record;
    }
    return record;
  }

  /** Forgets the frame; keeps records for `KEPT_CAPACITY` statements at most. */
  clear(count: number): void {
    if (this.#records.length > KEPT_CAPACITY) this.#records.length = KEPT_CAPACITY;
    const last = Math.min(count, this.#records.length);
    for (let i = 0; i < last; i++) this.#records[i]!.clear();
  }
}
