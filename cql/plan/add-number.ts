import { readI32BE, writeI32BE } from '../../core/bytes.ts';
import { InvalidRequestError } from '../../core/errors.ts';
import { type CqlType, TypeKind } from '../../core/types/cql-type.ts';
import { view } from '../../core/types/text-form.ts';
import { bigIntToVarint, MAX_NUMBER_BYTES, MAX_NUMBER_DIGITS, varintToBigInt } from '../../core/types/varint.ts';

/** Sums of two values of one numeric type, for `SET c = c + v` in conditional updates. */

/** Bytes of the integers of fixed width. */
const WIDTHS: ReadonlyMap<TypeKind, number> = new Map<TypeKind, number>([
  [TypeKind.Tinyint, 1],
  [TypeKind.Smallint, 2],
  [TypeKind.Int, 4],
  [TypeKind.Bigint, 8],
]);

/** True for the types that have sums. */
export function isAddable({ kind }: CqlType): boolean {
  return (
    WIDTHS.has(kind) ||
    kind === TypeKind.Varint ||
    kind === TypeKind.Decimal ||
    kind === TypeKind.Float ||
    kind === TypeKind.Double
  );
}

/**
 * a + b, or a - b. An empty value counts as null: the sum with it is undefined, null.
 * @param type one that `isAddable`; a and b are valid values of it
 * @throws InvalidRequestError when the sum is beyond the type, or too long to be worked out
 */
export function addNumbers(type: CqlType, a: Uint8Array, b: Uint8Array, subtract: boolean): Uint8Array | undefined {
  if (a.length === 0 || b.length === 0) return undefined;
  if (a.length > MAX_NUMBER_BYTES || b.length > MAX_NUMBER_BYTES) throw overflow(type);
  switch (type.kind) {
    case TypeKind.Float: {
      const bytes = new Uint8Array(4);
      const left = view(a, 0, 4).readFloatBE(0);
      const right = view(b, 0, 4).readFloatBE(0);
      view(bytes, 0, 4).writeFloatBE(subtract ? left - right : left + right, 0);
      return bytes;
    }
    case TypeKind.Double: {
      const bytes = new Uint8Array(8);
      const left = view(a, 0, 8).readDoubleBE(0);
      const right = view(b, 0, 8).readDoubleBE(0);
      view(bytes, 0, 8).writeDoubleBE(subtract ? left - right : left + right, 0);
      return bytes;
    }
    case TypeKind.Decimal:
      return addDecimals(type, a, b, subtract);
    default: {
      const right = varintToBigInt(b, 0, b.length);
      const sum = varintToBigInt(a, 0, a.length) + (subtract ? -right : right);
      const width = WIDTHS.get(type.kind);
      return width === undefined ? bigIntToVarint(sum) : integer(type, width, sum);
    }
  }
}

function integer(type: CqlType, width: number, sum: bigint): Uint8Array {
  if (BigInt.asIntN(8 * width, sum) !== sum) throw overflow(type);
  const bytes = new Uint8Array(8);
  view(bytes, 0, 8).writeBigInt64BE(sum, 0);
  return bytes.slice(8 - width);
}

/** The scale of the sum is the greater one, so that no digit is lost. */
function addDecimals(type: CqlType, a: Uint8Array, b: Uint8Array, subtract: boolean): Uint8Array {
  const scale = Math.max(readI32BE(a, 0), readI32BE(b, 0));
  const unscaled = (value: Uint8Array): bigint => {
    const shift = scale - readI32BE(value, 0);
    if (shift > MAX_NUMBER_DIGITS) throw overflow(type);
    return varintToBigInt(value, 4, value.length) * 10n ** BigInt(shift);
  };
  const right = unscaled(b);
  const bytes = bigIntToVarint(unscaled(a) + (subtract ? -right : right), 4);
  writeI32BE(bytes, 0, scale);
  return bytes;
}

function overflow({ cqlName }: CqlType): InvalidRequestError {
  return new InvalidRequestError(`Arithmetic overflow: the sum is beyond the range of ${cqlName}`);
}
