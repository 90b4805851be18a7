import { readI32BE } from '../../core/bytes.ts';
import { InvalidRequestError } from '../../core/errors.ts';
import type { ColumnDescriptor } from '../../core/schema/column.ts';
import { CollectionReader } from '../../core/types/collection-reader.ts';
import { type CqlType, TypeKind } from '../../core/types/cql-type.ts';
import type { ElementBuffer } from './element-buffer.ts';
import { appendPath, fieldPath, prependPath } from './list-path.ts';
import { type TypedTerm, ValueSlot } from './term.ts';
import type { WriteInput } from './write-input.ts';

/** A change of a multi-cell column, prepared once. */
export interface ElementOperation {
  /** It looks at `WriteInput.prior`. */
  readonly needsRead: boolean;
  /** @throws InvalidRequestError for values that may not stand there */
  gather(elements: ElementBuffer, input: WriteInput): void;
}

/** Evaluates a term; undefined is unset. Null is a slot that says so. */
function evaluated(term: TypedTerm, input: WriteInput): ValueSlot | undefined {
  const slot = new ValueSlot();
  term.evaluate(input.values, input.context, slot);
  return slot.isUnset ? undefined : slot;
}

/** The bytes of a key or index, which may be neither null nor unset. */
function required(term: TypedTerm, input: WriteInput, what: string): Uint8Array {
  const slot = evaluated(term, input);
  if (slot === undefined) throw new InvalidRequestError(`Invalid unset value for ${what}`);
  if (slot.isNull) throw new InvalidRequestError(`Invalid null value for ${what}`);
  return bytesOf(slot);
}

function bytesOf(slot: ValueSlot): Uint8Array {
  return slot.bytes.subarray(slot.start, slot.end);
}

/** Calls back for each element of a list or set, for each entry of a map with its value. */
function eachElement(
  column: ColumnDescriptor,
  slot: ValueSlot,
  visit: (element: Uint8Array, value: Uint8Array) => void,
): void {
  const { bytes } = slot;
  const reader = new CollectionReader();
  const isMap = column.type.kind === TypeKind.Map;
  if (isMap) reader.openMap(bytes, slot.start, slot.end);
  else reader.openList(bytes, slot.start, slot.end);
  while (reader.next()) {
    const element = bytes.subarray(reader.start, reader.end);
    if (isMap) reader.next();
    visit(element, bytes.subarray(reader.start, reader.end));
  }
}

function addAll(column: ColumnDescriptor, slot: ValueSlot, elements: ElementBuffer, input: WriteInput): void {
  switch (column.type.kind) {
    case TypeKind.List:
      eachElement(column, slot, (element) => elements.add(appendPath(input.context), element));
      break;
    case TypeKind.Set:
      eachElement(column, slot, (element) => elements.add(element));
      break;
    case TypeKind.Map:
      eachElement(column, slot, (key, value) => elements.add(key, value));
      break;
    default: {
      const reader = new CollectionReader();
      reader.openTuple(slot.bytes, slot.start, slot.end, column.type.parameters.length);
      for (let field = 0; reader.next(); field++) {
        if (!reader.isNull) elements.add(fieldPath(field), slot.bytes.subarray(reader.start, reader.end));
      }
    }
  }
}

/** `c = v`: what was there goes, except by an unset value. */
export function overwriteOperation(column: ColumnDescriptor, term: TypedTerm): ElementOperation {
  return {
    needsRead: false,
    gather(elements, input) {
      const slot = evaluated(term, input);
      if (slot === undefined) return;
      elements.overwrite();
      if (!slot.isNull) addAll(column, slot, elements, input);
    },
  };
}

/** `c = c + v` of a list, set or map. Adding null does nothing. */
export function addOperation(column: ColumnDescriptor, term: TypedTerm): ElementOperation {
  return {
    needsRead: false,
    gather(elements, input) {
      const slot = evaluated(term, input);
      if (slot !== undefined && !slot.isNull) addAll(column, slot, elements, input);
    },
  };
}

/** `l = v + l`: in the order given, before all that is there. */
export function prependOperation(column: ColumnDescriptor, term: TypedTerm): ElementOperation {
  return {
    needsRead: false,
    gather(elements, input) {
      const slot = evaluated(term, input);
      if (slot === undefined || slot.isNull) return;
      const items: Uint8Array[] = [];
      eachElement(column, slot, (element) => items.push(element));
      for (const item of items.reverse()) elements.add(prependPath(input.context), item); // each path is before the last
    },
  };
}

/** `s = s - v` and `m = m - v`: v is a set of elements or keys. */
export function subtractKeysOperation(term: TypedTerm): ElementOperation {
  return {
    needsRead: false,
    gather(elements, input) {
      const slot = evaluated(term, input);
      if (slot === undefined || slot.isNull) return;
      const reader = new CollectionReader();
      reader.openList(slot.bytes, slot.start, slot.end);
      while (reader.next()) elements.remove(slot.bytes.subarray(reader.start, reader.end));
    },
  };
}

/** `l = l - v`: all elements that equal one of v. */
export function subtractItemsOperation(column: ColumnDescriptor, term: TypedTerm): ElementOperation {
  const element = column.type.parameters[0]!;
  return {
    needsRead: true,
    gather(elements, input) {
      const slot = evaluated(term, input);
      if (slot === undefined || slot.isNull) return;
      const items: Uint8Array[] = [];
      eachElement(column, slot, (item) => items.push(item));
      items.sort((a, b) => element.compare(a, 0, a.length, b, 0, b.length)); // either list may be long
      for (const { path, value } of input.prior?.elements(column) ?? []) {
        if (isAmong(items, value, element)) elements.remove(path);
      }
    },
  };
}

/** True when a value equals one of `sorted`, which are in the type's order. */
function isAmong(sorted: readonly Uint8Array[], value: Uint8Array, type: CqlType): boolean {
  let from = 0;
  let to = sorted.length;
  while (from < to) {
    const middle = (from + to) >>> 1;
    const item = sorted[middle]!;
    const order = type.compare(item, 0, item.length, value, 0, value.length);
    if (order === 0) return true;
    if (order < 0) from = middle + 1;
    else to = middle;
  }
  return false;
}

/** `m[k] = v`: null deletes the entry. */
export function putOperation(column: ColumnDescriptor, key: TypedTerm, value: TypedTerm): ElementOperation {
  return {
    needsRead: false,
    gather(elements, input) {
      const path = required(key, input, `key of map ${column.name}`);
      const slot = evaluated(value, input);
      if (slot === undefined) return;
      if (slot.isNull) elements.remove(path);
      else elements.add(path, bytesOf(slot));
    },
  };
}

/** `l[i] = v`: null deletes the element. */
export function setItemOperation(column: ColumnDescriptor, index: TypedTerm, value: TypedTerm): ElementOperation {
  return {
    needsRead: true,
    gather(elements, input) {
      const path = storedPath(column, index, input);
      const slot = evaluated(value, input);
      if (slot === undefined) return;
      if (slot.isNull) elements.remove(path);
      else elements.add(path, bytesOf(slot));
    },
  };
}

/** `DELETE l[i]`. */
export function deleteItemOperation(column: ColumnDescriptor, index: TypedTerm): ElementOperation {
  return {
    needsRead: true,
    gather: (elements, input) => elements.remove(storedPath(column, index, input)),
  };
}

/** `DELETE m[k]` and `DELETE s[x]`. */
export function deleteKeyOperation(column: ColumnDescriptor, key: TypedTerm): ElementOperation {
  return {
    needsRead: false,
    gather: (elements, input) => elements.remove(required(key, input, `key of ${column.name}`)),
  };
}

/** `u.f = v`. */
export function setFieldOperation(field: number, value: TypedTerm): ElementOperation {
  const path = fieldPath(field);
  return {
    needsRead: false,
    gather(elements, input) {
      const slot = evaluated(value, input);
      if (slot === undefined) return;
      if (slot.isNull) elements.remove(path);
      else elements.add(path, bytesOf(slot));
    },
  };
}

/** `DELETE u.f`. */
export function deleteFieldOperation(field: number): ElementOperation {
  const path = fieldPath(field);
  return { needsRead: false, gather: (elements) => elements.remove(path) };
}

/** `DELETE c` of a multi-cell column. */
export const DELETE_COLUMN: ElementOperation = { needsRead: false, gather: (elements) => elements.deleteAll() };

function storedPath(column: ColumnDescriptor, term: TypedTerm, input: WriteInput): Uint8Array {
  const bytes = required(term, input, `index of list ${column.name}`);
  const index = bytes.length === 4 ? readI32BE(bytes, 0) : -1;
  const stored = input.prior?.elements(column) ?? [];
  const element = index < 0 ? undefined : stored[index];
  if (element === undefined) {
    throw new InvalidRequestError(`List index ${index} out of bound, list has size ${stored.length}`);
  }
  return element.path;
}
