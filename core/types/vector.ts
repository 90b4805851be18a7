import { InvalidRequestError } from '../errors.ts';
import { type CqlType, TypeKind } from './cql-type.ts';
import { checkTypeSize, DefinedType, MARSHAL_PREFIX } from './defined-type.ts';
import { frozen } from './frozen.ts';
import { parseLiteral } from './literal-parser.ts';
import { compositeText } from './literal-text.ts';
import { vintFieldSize, vintFieldValue } from './vint-field.ts';

/**
 * vector: exactly `dimension` elements, back to back when their type has a fixed length, else as `length: uvint | bytes`
 * each. Compared element by element; never multi-cell.
 */

/** ScyllaDB's limit. */
export const MAX_VECTOR_DIMENSION = 16_000;
/** Longest value that the protocol can carry. */
const MAX_VECTOR_BYTES = 0x7fff_ffff;

/** @throws InvalidRequestError when the dimension is not 1 to 16000, or the element's values have no bytes or too many */
export function vectorType(given: CqlType, dimension: number): CqlType {
  if (!Number.isInteger(dimension) || dimension < 1 || dimension > MAX_VECTOR_DIMENSION) {
    throw new InvalidRequestError(`Vectors must have 1 to ${MAX_VECTOR_DIMENSION} dimensions, not ${dimension}`);
  }
  checkTypeSize([given]);
  const element = frozen(given);
  const width = element.fixedLength;
  if (width === 0) throw new InvalidRequestError(`Vectors of type ${element.cqlName} are not supported`);
  if (width * dimension > MAX_VECTOR_BYTES) {
    throw new InvalidRequestError(
      `A vector<${element.cqlName}, ${dimension}> is larger than ${MAX_VECTOR_BYTES} bytes`,
    );
  }
  const self: CqlType = new DefinedType({
    kind: TypeKind.Vector,
    cqlName: `vector<${element.cqlName}, ${dimension}>`,
    className: `${MARSHAL_PREFIX}VectorType(${element.className} , ${dimension})`,
    fixedLength: width < 0 ? -1 : width * dimension,
    parameters: [element],
    dimension,
    compare: (a, aStart, aEnd, b, bStart, bEnd) =>
      compareElements(element, dimension, a, aStart, aEnd, b, bStart, bEnd),
    prefix: (bytes, start, end) =>
      width > 0 && end - start >= width ? element.prefix(bytes, start, start + width) : 0,
    validate: (bytes, start, end) => validateVector(self, bytes, start, end),
    toText: (bytes, start, end) => (start === end ? '' : compositeText(self, bytes, start, end)),
    fromText: (text) => parseLiteral(self, text),
  });
  return self;
}

/** Where the value of the element at `at` begins, or -1 when its length is cut short. */
function valueStart(width: number, bytes: Uint8Array, at: number, end: number): number {
  if (width >= 0) return at;
  const size = vintFieldSize(bytes, at, end);
  return size === 0 ? -1 : at + size;
}

/** Where the value that begins at `start` ends, or -1 when that is beyond `end`. */
function valueEnd(width: number, bytes: Uint8Array, at: number, start: number, end: number): number {
  if (start < 0) return -1;
  const next = start + (width >= 0 ? width : vintFieldValue(bytes, at));
  return next <= end ? next : -1;
}

function compareElements(
  element: CqlType,
  dimension: number,
  a: Uint8Array,
  aStart: number,
  aEnd: number,
  b: Uint8Array,
  bStart: number,
  bEnd: number,
): number {
  if (aStart === aEnd || bStart === bEnd) return aEnd - aStart - (bEnd - bStart);
  const width = element.fixedLength;
  let i = aStart;
  let j = bStart;
  for (let k = 0; k < dimension; k++) {
    const aValue = valueStart(width, a, i, aEnd);
    const bValue = valueStart(width, b, j, bEnd);
    const aNext = valueEnd(width, a, i, aValue, aEnd);
    const bNext = valueEnd(width, b, j, bValue, bEnd);
    if (aNext < 0 || bNext < 0) return (aNext < 0 ? 0 : 1) - (bNext < 0 ? 0 : 1);
    const order = element.compare(a, aValue, aNext, b, bValue, bNext);
    if (order !== 0) return order;
    i = aNext;
    j = bNext;
  }
  return 0;
}

function validateVector(type: CqlType, bytes: Uint8Array, start: number, end: number): string | undefined {
  const element = type.parameters[0]!;
  const width = element.fixedLength;
  let at = start;
  for (let k = 0; k < type.dimension!; k++) {
    const value = valueStart(width, bytes, at, end);
    const next = valueEnd(width, bytes, at, value, end);
    if (next < 0) return `Not enough bytes to read a ${type.cqlName} (${end - start})`;
    const why = element.validate(bytes, value, next);
    if (why !== undefined) return why;
    at = next;
  }
  return at === end ? undefined : `Unexpected extraneous bytes after a ${type.cqlName} value`;
}
