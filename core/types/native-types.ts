import { blobType } from './blob.ts';
import { booleanType } from './boolean.ts';
import type { CqlType } from './cql-type.ts';
import { emptyType } from './custom.ts';
import { dateType } from './date.ts';
import { decimalType } from './decimal.ts';
import { MARSHAL_PREFIX } from './defined-type.ts';
import { durationType } from './duration.ts';
import { doubleType, floatType } from './float.ts';
import { inetType } from './inet.ts';
import { bigintType, counterType, intType, smallintType, tinyintType } from './int.ts';
import { asciiType, textType } from './text.ts';
import { timeType } from './time.ts';
import { legacyDateType, timestampType } from './timestamp.ts';
import { timeuuidType, uuidType } from './uuid.ts';
import { varintType } from './varint.ts';

/** The types without parameters that CQL names, each once. */
export const NATIVE_TYPES: readonly CqlType[] = [
  asciiType,
  bigintType,
  blobType,
  booleanType,
  counterType,
  dateType,
  decimalType,
  doubleType,
  durationType,
  floatType,
  inetType,
  intType,
  smallintType,
  textType,
  timeType,
  timestampType,
  timeuuidType,
  tinyintType,
  uuidType,
  varintType,
];

const BY_CQL_NAME: ReadonlyMap<string, CqlType> = new Map([
  ...NATIVE_TYPES.map((type) => [type.cqlName, type] as const),
  ['varchar', textType] as const,
  ['empty', emptyType] as const,
]);

const BY_CLASS_NAME: ReadonlyMap<string, CqlType> = new Map([
  ...[...NATIVE_TYPES, emptyType, legacyDateType].map(
    (type) => [type.className.slice(MARSHAL_PREFIX.length), type] as const,
  ),
  ['LexicalUUIDType', uuidType] as const,
]);

/** The type of a lower-case CQL name, 'varchar' and 'empty' included. */
export function nativeType(cqlName: string): CqlType | undefined {
  return BY_CQL_NAME.get(cqlName);
}

/** The type of a class name without its prefix, names of old releases included. */
export function nativeTypeOfClass(shortName: string): CqlType | undefined {
  return BY_CLASS_NAME.get(shortName);
}
