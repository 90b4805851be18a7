import { readI32BE } from '../bytes.ts';
import { elementEnd } from './collection-codec.ts';
import { type CqlType, TypeKind } from './cql-type.ts';
import { checkTypeSize, DefinedType, MARSHAL_PREFIX } from './defined-type.ts';
import { frozen } from './frozen.ts';
import { parseLiteral } from './literal-parser.ts';
import { compositeText } from './literal-text.ts';
import { compareSequences } from './sequence-order.ts';

/**
 * list, set and map as one value: `count: i32`, then elements (of a map: keys and values in turn) of `length: i32 | bytes`.
 * This is the form on the wire whether frozen or not; a non-frozen one is stored as a cell per element instead.
 */

const CLASS_NAMES = { list: 'ListType', set: 'SetType', map: 'MapType' } as const;

export function listType(element: CqlType, isMultiCell = true): CqlType {
  return collectionType(TypeKind.List, 'list', [element], isMultiCell);
}

export function setType(element: CqlType, isMultiCell = true): CqlType {
  return collectionType(TypeKind.Set, 'set', [element], isMultiCell);
}

export function mapType(key: CqlType, value: CqlType, isMultiCell = true): CqlType {
  return collectionType(TypeKind.Map, 'map', [key, value], isMultiCell);
}

/** Elements are frozen whatever they are given as: nothing multi-cell lives inside a collection. */
function collectionType(
  kind: TypeKind,
  name: keyof typeof CLASS_NAMES,
  given: readonly CqlType[],
  isMultiCell: boolean,
): CqlType {
  checkTypeSize(given);
  const parameters = given.map(frozen);
  const cqlName = `${name}<${parameters.map((type) => type.cqlName).join(', ')}>`;
  const className = `${MARSHAL_PREFIX}${CLASS_NAMES[name]}(${parameters.map((type) => type.className).join(',')})`;
  const self: CqlType = new DefinedType({
    kind,
    cqlName: isMultiCell ? cqlName : `frozen<${cqlName}>`,
    className: isMultiCell ? className : `${MARSHAL_PREFIX}FrozenType(${className})`,
    fixedLength: -1,
    isMultiCell,
    parameters,
    compare: (a, aStart, aEnd, b, bStart, bEnd) => compareSequences(parameters, a, aStart, aEnd, b, bStart, bEnd),
    prefix: () => 0,
    validate: (bytes, start, end) => validateElements(self, bytes, start, end),
    toText: (bytes, start, end) => (start === end ? '' : compositeText(self, bytes, start, end)),
    fromText: (text) => parseLiteral(self, text),
    ...(isMultiCell ? { freeze: () => collectionType(kind, name, parameters, false) } : {}),
  });
  return self;
}

function validateElements(type: CqlType, bytes: Uint8Array, start: number, end: number): string | undefined {
  const { parameters, cqlName } = type;
  if (end - start < 4) return `Not enough bytes to read a ${cqlName} (${end - start})`;
  const count = readI32BE(bytes, start);
  if (count < 0) return `Negative number of elements in a ${cqlName} (${count})`;
  let at = start + 4;
  for (let left = count * parameters.length, k = 0; left > 0; left--, k = k + 1 === parameters.length ? 0 : k + 1) {
    const next = elementEnd(bytes, at, end);
    if (next < 0) return `Not enough bytes to read a ${cqlName} of ${count} elements`;
    if (readI32BE(bytes, at) < 0) return `null is not supported inside collections (${cqlName})`;
    const why = parameters[k]!.validate(bytes, at + 4, next);
    if (why !== undefined) return why;
    at = next;
  }
  return at === end ? undefined : `Unexpected extraneous bytes after a ${cqlName} value`;
}
