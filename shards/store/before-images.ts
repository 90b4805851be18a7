import { OverloadedError } from '../../core/errors.ts';

/** A boundary of range deletions as it was: the deletion in force from there on. */
export interface BoundaryImage {
  /** False: it was not there. */
  readonly wasThere: boolean;
  readonly hi: number;
  readonly lo: number;
  readonly time: number;
}

const ABSENT_BODY = new Uint8Array(0);
const ABSENT_BOUNDARY: BoundaryImage = { wasThere: false, hi: 0, lo: 0, time: 0 };
/** A read that lasts so long that this much of its partition was overwritten meanwhile is given up. */
const MAX_BYTES: number = 8 * 1024 * 1024;
/** What one image takes beside its body. */
const ENTRY_BYTES = 64;

/**
 * What writes have changed in a partition since a cursor began to deliver it, as it was before. A cursor that stands in the middle
 * of a partition looks here first, so that it shows the partition as it was at its start and no mutation half, however long
 * it is suspended. Records of rows and boundaries keep their places, so their offsets name them.
 */
export class BeforeImages {
  readonly #rows = new Map<number, Uint8Array>();
  readonly #boundaries = new Map<number, BoundaryImage>();
  #bytes = 0;

  /** True when nothing more is kept: the cursor must not go on. */
  get isOverfull(): boolean {
    return this.#bytes > MAX_BYTES;
  }

  /** True when the row or static row needs no image any more. */
  hasRow(row: number): boolean {
    return this.#rows.has(row) || this.isOverfull;
  }

  /** Notes a row that is about to change. */
  keepRow(row: number, body: Uint8Array): void {
    if (!this.hasRow(row)) this.#addRow(row, body);
  }

  /** Notes a row that was just made. */
  addRow(row: number): void {
    if (!this.isOverfull) this.#addRow(row, ABSENT_BODY);
  }

  /** Notes a boundary that is about to change. */
  keepBoundary(boundary: number, hi: number, lo: number, time: number): void {
    if (!this.#boundaries.has(boundary)) this.#addBoundary(boundary, { wasThere: true, hi, lo, time });
  }

  /** Notes a boundary that was just made. */
  addBoundary(boundary: number): void {
    this.#addBoundary(boundary, ABSENT_BOUNDARY);
  }

  /** The body as it was, empty for a row that was not there; undefined when it did not change. */
  rowBody(row: number): Uint8Array | undefined {
    return this.#rows.get(row);
  }

  /** The boundary as it was, undefined when it did not change. */
  boundary(boundary: number): BoundaryImage | undefined {
    return this.#boundaries.get(boundary);
  }

  /** @throws OverloadedError when images are missing */
  assureComplete(): void {
    if (this.isOverfull) throw new OverloadedError('the partition changes faster than it can be read');
  }

  #addRow(row: number, body: Uint8Array): void {
    this.#rows.set(row, body);
    this.#count(body.length);
  }

  #addBoundary(boundary: number, image: BoundaryImage): void {
    if (this.isOverfull) return;
    this.#boundaries.set(boundary, image);
    this.#count(0);
  }

  #count(bytes: number): void {
    this.#bytes += bytes + ENTRY_BYTES;
    if (!this.isOverfull) return;
    this.#rows.clear();
    this.#boundaries.clear();
  }
}
