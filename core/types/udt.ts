import { InvalidRequestError } from '../errors.ts';
import { quoteIdentifier } from './cql-identifier.ts';
import { type CqlType, TypeKind, type UdtIdentity } from './cql-type.ts';
import { checkTypeSize, DefinedType, MARSHAL_PREFIX } from './defined-type.ts';
import { frozen } from './frozen.ts';
import { parseLiteral } from './literal-parser.ts';
import { compositeText } from './literal-text.ts';
import { compareFields } from './sequence-order.ts';
import { encodeUtf8, toHex } from './text-form.ts';
import { validateFields } from './tuple.ts';

/**
 * A user type: the bytes of a tuple of its fields. Values written before ALTER TYPE ADD are shorter. The class name holds
 * the names of type and fields as hex of their UTF-8.
 * @param fieldTypes one for each field name; kept as declared in the non-frozen form, frozen in the frozen one
 * @throws InvalidRequestError when names and types do not match in number
 */
export function udtType(identity: UdtIdentity, fieldTypes: readonly CqlType[], isMultiCell = true): CqlType {
  if (identity.fieldNames.length !== fieldTypes.length) {
    throw new InvalidRequestError(
      `User type ${identity.name} has ${identity.fieldNames.length} names for ${fieldTypes.length} fields`,
    );
  }
  checkTypeSize(fieldTypes);
  const parameters = isMultiCell ? fieldTypes : fieldTypes.map(frozen);
  const fields = parameters.map((type, i) => `,${hexName(identity.fieldNames[i]!)}:${type.className}`).join('');
  const className = `${MARSHAL_PREFIX}UserType(${identity.keyspace},${hexName(identity.name)}${fields})`;
  const cqlName = udtName(identity.name);
  const self: CqlType = new DefinedType({
    kind: TypeKind.Udt,
    cqlName: isMultiCell ? cqlName : `frozen<${cqlName}>`,
    className: isMultiCell ? className : `${MARSHAL_PREFIX}FrozenType(${className})`,
    fixedLength: -1,
    isMultiCell,
    parameters,
    udt: identity,
    compare: (a, aStart, aEnd, b, bStart, bEnd) => compareFields(parameters, a, aStart, aEnd, b, bStart, bEnd),
    prefix: () => 0,
    validate: (bytes, start, end) => validateFields(self, bytes, start, end),
    toText: (bytes, start, end) => compositeText(self, bytes, start, end),
    fromText: (text) => (text === '' ? new Uint8Array(0) : parseLiteral(self, text)),
    ...(isMultiCell ? { freeze: () => udtType(identity, fieldTypes, false) } : {}),
  });
  return self;
}

/** Names that an unquoted word in the place of a type means already. */
const TAKEN: ReadonlySet<string> = new Set(
  (
    'ascii bigint blob boolean counter date decimal double duration empty float frozen inet int list map set smallint ' +
    'text time timestamp timeuuid tinyint tuple uuid varchar varint vector'
  ).split(' '),
);

function udtName(name: string): string {
  return TAKEN.has(name) ? `"${name}"` : quoteIdentifier(name);
}

function hexName(name: string): string {
  const bytes = encodeUtf8(name);
  return toHex(bytes, 0, bytes.length);
}
