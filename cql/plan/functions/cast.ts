import { readI32BE, writeI32BE } from '../../../core/bytes.ts';
import { InvalidRequestError } from '../../../core/errors.ts';
import { bigIntHi, bigIntLo } from '../../../core/int64.ts';
import { type CqlType, TypeKind } from '../../../core/types/cql-type.ts';
import { decimalType } from '../../../core/types/decimal.ts';
import { nearestFloat } from '../../../core/types/nearest-float.ts';
import { encodeUtf8, view } from '../../../core/types/text-form.ts';
import { bigIntToVarint, MAX_NUMBER_BYTES, MAX_NUMBER_DIGITS, varintToBigInt } from '../../../core/types/varint.ts';
import { isSameType } from '../bind-marker.ts';
import { javaDoubleText, javaFloatText } from './java-number-text.ts';
import type { ScalarFunction } from './scalar-function.ts';
import { dateOfTimestamp, timestampOfDate, timestampOfTimeUuid } from './time-functions.ts';

/**
 * `cast(x AS type)` between native types, with Java's conversions: integers wrap, floats that are out of range become the
 * nearest integer there is, text has Java's form. Null and empty values stay null.
 * @see Cassandra `CastFcts`
 */

/** Bytes of the integers of fixed width. */
const WIDTHS: ReadonlyMap<TypeKind, number> = new Map<TypeKind, number>([
  [TypeKind.Tinyint, 1],
  [TypeKind.Smallint, 2],
  [TypeKind.Int, 4],
  [TypeKind.Bigint, 8],
  [TypeKind.Counter, 8],
]);

/** Types that can be cast to text besides the numbers. */
const PRINTABLE: ReadonlySet<TypeKind> = new Set<TypeKind>([
  TypeKind.Ascii,
  TypeKind.Boolean,
  TypeKind.Date,
  TypeKind.Inet,
  TypeKind.Time,
  TypeKind.Timestamp,
  TypeKind.Timeuuid,
  TypeKind.Uuid,
]);

/** A number out of its bytes: integers and decimals exact (unscaled × 10^-scale), floats as they are. */
type Numeric =
  | { readonly kind: 'exact'; readonly unscaled: bigint; readonly scale: number; readonly text: string }
  | { readonly kind: 'float'; readonly value: number; readonly text: string };

/**
 * @param from type of the values given
 * @throws InvalidRequestError when values of `from` cannot be cast to `to`
 */
export function castFunction(from: CqlType, to: CqlType): ScalarFunction {
  const convert = conversionOf(from, to);
  if (convert === undefined) throw new InvalidRequestError(`${from.cqlName} cannot be cast to ${to.cqlName}`);
  return {
    name: `castas${to.cqlName}`,
    argumentTypes: [from],
    returnType: to,
    isPure: true,
    call: ([value]) => (value === undefined || value.length === 0 ? undefined : convert(value)),
  };
}

function conversionOf(from: CqlType, to: CqlType): ((value: Uint8Array) => Uint8Array) | undefined {
  if (isSameType(from, to)) return (value) => value;
  const isText = to.kind === TypeKind.Text || to.kind === TypeKind.Ascii;
  if (isNumber(from)) {
    if (isText) return (value) => encodeUtf8(readNumber(from, value).text);
    return isNumber(to) && to.kind !== TypeKind.Counter
      ? (value) => writeNumber(to, readNumber(from, value))
      : undefined;
  }
  if (isText && PRINTABLE.has(from.kind)) return (value) => encodeUtf8(from.toText(value, 0, value.length));
  if (from.kind === TypeKind.Timeuuid) {
    if (to.kind === TypeKind.Timestamp) return timestampOfTimeUuid;
    if (to.kind === TypeKind.Date) return (value) => dateOfTimestamp(timestampOfTimeUuid(value));
  }
  if (from.kind === TypeKind.Timestamp && to.kind === TypeKind.Date) return dateOfTimestamp;
  if (from.kind === TypeKind.Date && to.kind === TypeKind.Timestamp) return timestampOfDate;
  return undefined;
}

function isNumber({ kind }: CqlType): boolean {
  return (
    WIDTHS.has(kind) ||
    kind === TypeKind.Varint ||
    kind === TypeKind.Decimal ||
    kind === TypeKind.Float ||
    kind === TypeKind.Double
  );
}

function readNumber(type: CqlType, value: Uint8Array): Numeric {
  checkLength(value);
  const end = value.length;
  switch (type.kind) {
    case TypeKind.Float: {
      const float = view(value, 0, end).readFloatBE(0);
      return { kind: 'float', value: float, text: javaFloatText(float) };
    }
    case TypeKind.Double: {
      const double = view(value, 0, end).readDoubleBE(0);
      return { kind: 'float', value: double, text: javaDoubleText(double) };
    }
    case TypeKind.Decimal: {
      const unscaled = varintToBigInt(value, 4, end);
      return { kind: 'exact', unscaled, scale: readI32BE(value, 0), text: type.toText(value, 0, end) };
    }
    default:
      return { kind: 'exact', unscaled: varintToBigInt(value, 0, end), scale: 0, text: type.toText(value, 0, end) };
  }
}

function checkLength(value: Uint8Array): void {
  if (value.length > MAX_NUMBER_BYTES) {
    throw new InvalidRequestError(`a number of ${value.length} bytes cannot be cast, at most ${MAX_NUMBER_BYTES}`);
  }
}

function writeNumber(to: CqlType, number: Numeric): Uint8Array {
  switch (to.kind) {
    case TypeKind.Double: {
      const bytes = new Uint8Array(8);
      view(bytes, 0, 8).writeDoubleBE(number.kind === 'float' ? number.value : Number(number.text), 0);
      return bytes;
    }
    case TypeKind.Float: {
      const bytes = new Uint8Array(4);
      const double = number.kind === 'float' ? number.value : Number(number.text);
      const float = number.kind === 'float' ? Math.fround(double) : nearestFloat(number.text, double);
      view(bytes, 0, 4).writeFloatBE(float, 0);
      return bytes;
    }
    case TypeKind.Decimal:
      // A float becomes the decimal of its double's digits, as Java's BigDecimal.valueOf(double) makes it.
      return decimalType.fromText(number.kind === 'float' ? finiteText(number.value, to) : number.text);
    case TypeKind.Varint:
      return bigIntToVarint(number.kind === 'float' ? wholePart(decimalOf(number.value, to)) : wholePart(number));
    default: {
      const width = WIDTHS.get(to.kind)!;
      return integerBytes(width, number.kind === 'float' ? saturated(number.value, width) : wholePart(number));
    }
  }
}

function finiteText(value: number, to: CqlType): string {
  if (!Number.isFinite(value)) throw new InvalidRequestError(`${value} cannot be cast to ${to.cqlName}`);
  return javaDoubleText(value);
}

function decimalOf(value: number, to: CqlType): Numeric & { kind: 'exact' } {
  const bytes = decimalType.fromText(finiteText(value, to));
  return { kind: 'exact', unscaled: varintToBigInt(bytes, 4, bytes.length), scale: readI32BE(bytes, 0), text: '' };
}

/** The number without its fraction. @throws InvalidRequestError when it has more digits than are worked with */
function wholePart({ unscaled, scale }: { readonly unscaled: bigint; readonly scale: number }): bigint {
  if (scale === 0 || unscaled === 0n) return unscaled;
  if (Math.abs(scale) > MAX_NUMBER_DIGITS) {
    if (scale > 0) return 0n; // fewer digits than that are left after MAX_NUMBER_BYTES
    throw new InvalidRequestError(`a number of more than ${MAX_NUMBER_DIGITS} digits cannot be cast`);
  }
  return scale > 0 ? unscaled / 10n ** BigInt(scale) : unscaled * 10n ** BigInt(-scale);
}

/** Java's (long) or (int) of a float, the narrower ones by way of int; NaN is 0. */
function saturated(value: number, width: number): bigint {
  if (Number.isNaN(value)) return 0n;
  const bits = width === 8 ? 64n : 32n;
  const greatest = (1n << (bits - 1n)) - 1n;
  if (value >= Number(greatest)) return greatest;
  return value <= -Number(greatest) - 1 ? -greatest - 1n : BigInt(Math.trunc(value));
}

function integerBytes(width: number, value: bigint): Uint8Array {
  const all = new Uint8Array(8);
  writeI32BE(all, 0, bigIntHi(value));
  writeI32BE(all, 4, bigIntLo(value));
  return all.slice(8 - width);
}
