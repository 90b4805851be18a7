import { compareBytes } from '../../core/bytes.ts';
import { INT64_MIN_HI, INT64_MIN_LO } from '../../core/int64.ts';
import type { RowBodyWriter } from '../../core/mutation/row-body.ts';
import type { ColumnDescriptor } from '../../core/schema/column.ts';
import { type CqlType, TypeKind } from '../../core/types/cql-type.ts';
import { timeuuidType } from '../../core/types/uuid.ts';
import type { WriteInput } from './write-input.ts';

const NOTHING = new Uint8Array(0);

interface PendingElement {
  readonly path: Uint8Array;
  /** Undefined: a tombstone. */
  readonly value: Uint8Array | undefined;
}

const Deletion = { None: 0, Before: 1, All: 2 } as const;
type Deletion = (typeof Deletion)[keyof typeof Deletion];

/**
 * What one statement does to one multi-cell column of one row: gathered from its operations in any order, then written in
 * the order of a row body, each path once.
 */
export class ElementBuffer {
  readonly column: ColumnDescriptor;
  /** Order of paths; undefined for UDT fields, which are in byte order. */
  readonly #pathType: CqlType | undefined;
  #deletion: Deletion = Deletion.None;
  #elements: PendingElement[] = [];

  constructor(column: ColumnDescriptor) {
    const { type } = column;
    this.column = column;
    if (type.kind === TypeKind.List) this.#pathType = timeuuidType;
    else this.#pathType = type.kind === TypeKind.Udt ? undefined : type.parameters[0];
  }

  begin(): void {
    this.#deletion = Deletion.None;
    this.#elements = [];
  }

  /** Everything older than this statement goes; the elements it adds stay. */
  overwrite(): void {
    if (this.#deletion === Deletion.None) this.#deletion = Deletion.Before;
  }

  /** Everything up to this statement's timestamp goes. */
  deleteAll(): void {
    this.#deletion = Deletion.All;
  }

  /** An element of the set has no value but the empty one. The arrays stay as they are until `write`. */
  add(path: Uint8Array, value: Uint8Array = NOTHING): void {
    this.#elements.push({ path, value });
  }

  remove(path: Uint8Array): void {
    this.#elements.push({ path, value: undefined });
  }

  write(row: RowBodyWriter, input: WriteInput): void {
    const { id } = this.column;
    const { timestampHi, timestampLo, ttl, expiry, nowSeconds } = input;
    if (this.#deletion === Deletion.All) {
      row.complexDeletion(id, timestampHi, timestampLo, nowSeconds);
    } else if (this.#deletion === Deletion.Before) {
      const { beforeHi, beforeLo } = input;
      const isNone = beforeHi === INT64_MIN_HI && beforeLo === INT64_MIN_LO; // nothing can be older
      if (!isNone) row.complexDeletion(id, beforeHi, beforeLo, nowSeconds);
    }
    const sorted = this.#elements.sort((a, b) => this.#compare(a, b));
    this.#elements = []; // they lie in the request's frame, which must not live on with the plan
    for (let i = 0; i < sorted.length; i++) {
      const { path, value } = sorted[i]!;
      const next = sorted[i + 1];
      if (next !== undefined && this.#comparePaths(path, next.path) === 0) continue; // the winner comes last
      if (value === undefined) row.deadElement(id, timestampHi, timestampLo, nowSeconds, path, 0, path.length);
      else {
        row.element(id, timestampHi, timestampLo, ttl, expiry, path, 0, path.length, value, 0, value.length);
      }
    }
  }

  /** Of one path the loser first: at one timestamp a tombstone wins, then the greater value (`reconcileCells`). */
  #compare(a: PendingElement, b: PendingElement): number {
    const order = this.#comparePaths(a.path, b.path);
    if (order !== 0) return order;
    if (a.value === undefined || b.value === undefined)
      return (a.value === undefined ? 1 : 0) - (b.value === undefined ? 1 : 0);
    return compareBytes(a.value, 0, a.value.length, b.value, 0, b.value.length);
  }

  #comparePaths(a: Uint8Array, b: Uint8Array): number {
    return this.#pathType === undefined
      ? compareBytes(a, 0, a.length, b, 0, b.length)
      : this.#pathType.compare(a, 0, a.length, b, 0, b.length);
  }
}
