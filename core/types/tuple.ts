import { readI32BE } from '../bytes.ts';
import { elementEnd } from './collection-codec.ts';
import { type CqlType, TypeKind } from './cql-type.ts';
import { checkTypeSize, DefinedType, MARSHAL_PREFIX } from './defined-type.ts';
import { frozen } from './frozen.ts';
import { parseLiteral } from './literal-parser.ts';
import { compositeText } from './literal-text.ts';
import { compareFields } from './sequence-order.ts';

/** tuple: its fields as `length: i32 | bytes`, -1 null; the last ones may be missing. Always frozen, whatever is written. */
export function tupleType(fields: readonly CqlType[]): CqlType {
  checkTypeSize(fields);
  const parameters = fields.map(frozen);
  const self: CqlType = new DefinedType({
    kind: TypeKind.Tuple,
    cqlName: `frozen<tuple<${parameters.map((type) => type.cqlName).join(', ')}>>`,
    className: `${MARSHAL_PREFIX}TupleType(${parameters.map((type) => type.className).join(',')})`,
    fixedLength: -1,
    parameters,
    compare: (a, aStart, aEnd, b, bStart, bEnd) => compareFields(parameters, a, aStart, aEnd, b, bStart, bEnd),
    prefix: () => 0,
    validate: (bytes, start, end) => validateFields(self, bytes, start, end),
    toText: (bytes, start, end) => compositeText(self, bytes, start, end),
    fromText: (text) => (text === '' ? new Uint8Array(0) : parseLiteral(self, text)),
  });
  return self;
}

/** Why bytes are no value of a tuple or UDT. Fewer fields than the type has are a value, more are not. */
export function validateFields(type: CqlType, bytes: Uint8Array, start: number, end: number): string | undefined {
  let at = start;
  for (let i = 0; i < type.parameters.length && at < end; i++) {
    const next = elementEnd(bytes, at, end);
    if (next < 0) return `Not enough bytes to read field ${i} of ${type.cqlName}`;
    const why = readI32BE(bytes, at) < 0 ? undefined : type.parameters[i]!.validate(bytes, at + 4, next);
    if (why !== undefined) return why;
    at = next;
  }
  return at === end ? undefined : `Expected at most ${type.parameters.length} fields for ${type.cqlName}`;
}
