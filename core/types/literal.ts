import { InvalidRequestError } from '../errors.ts';
import { blobFromText } from './blob.ts';
import { type CqlType, TypeKind } from './cql-type.ts';
import { durationFromText } from './duration.ts';
import { shorten } from './text-form.ts';

/** Classes of constants in CQL's grammar. */
export type LiteralKind = 'integer' | 'float' | 'string' | 'uuid' | 'blob' | 'boolean' | 'duration';

/** What messages call each class, as Cassandra and ScyllaDB do. */
const SHOWN: Readonly<Record<LiteralKind, string>> = {
  integer: 'INTEGER',
  float: 'FLOAT',
  string: 'STRING',
  uuid: 'UUID',
  blob: 'HEX',
  boolean: 'BOOLEAN',
  duration: 'DURATION',
};

/** Which classes a type takes (cql-language.md A2). Collections, tuples and UDTs take none: they have literals of their own. */
const TAKES: ReadonlyMap<TypeKind, readonly LiteralKind[]> = new Map<TypeKind, readonly LiteralKind[]>([
  [TypeKind.Ascii, ['string']],
  [TypeKind.Text, ['string']],
  [TypeKind.Tinyint, ['integer']],
  [TypeKind.Smallint, ['integer']],
  [TypeKind.Int, ['integer']],
  [TypeKind.Bigint, ['integer']],
  [TypeKind.Counter, ['integer']],
  [TypeKind.Varint, ['integer']],
  [TypeKind.Float, ['integer', 'float']],
  [TypeKind.Double, ['integer', 'float']],
  [TypeKind.Decimal, ['integer', 'float']],
  [TypeKind.Boolean, ['boolean']],
  [TypeKind.Blob, ['blob']],
  [TypeKind.Custom, ['blob']],
  [TypeKind.Uuid, ['uuid']],
  [TypeKind.Timeuuid, ['uuid']],
  [TypeKind.Timestamp, ['string', 'integer']],
  [TypeKind.Date, ['string', 'integer']],
  [TypeKind.Time, ['string', 'integer']],
  [TypeKind.Inet, ['string']],
  [TypeKind.Duration, ['duration']],
]);

/** True when a constant of the class may stand where a value of the type is wanted, whatever its text. */
export function takesLiteral(type: CqlType, kind: LiteralKind): boolean {
  return TAKES.get(type.kind)?.includes(kind) ?? false;
}

/**
 * The value of a CQL constant.
 * @param text of a string what is between the quotes, unescaped; of a blob with or without 0x; of a number as written,
 *   of any length
 * @param column named in messages
 * @throws InvalidRequestError when the type takes no constant of the class, or the text is out of its range
 */
export function literalToBytes(type: CqlType, kind: LiteralKind, text: string, column?: string): Uint8Array {
  const receiver = column === undefined ? '' : ` for "${column}"`;
  if (!takesLiteral(type, kind)) {
    throw new InvalidRequestError(
      `Invalid ${SHOWN[kind]} constant (${shorten(text)})${receiver} of type ${type.cqlName}`,
    );
  }
  try {
    switch (kind) {
      case 'blob':
        return blobFromText(type.cqlName, text);
      case 'duration':
        return durationFromText(text);
      case 'string':
        return type.fromText(text);
      default:
        if (text === '') throw new InvalidRequestError(`an empty ${SHOWN[kind]} constant is no value`);
        return type.fromText(text);
    }
  } catch (error) {
    if (column === undefined || !(error instanceof InvalidRequestError)) throw error;
    throw new InvalidRequestError(`Invalid value${receiver} of type ${type.cqlName}: ${error.message}`);
  }
}
