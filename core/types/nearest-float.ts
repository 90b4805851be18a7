/** Digits beyond which two numbers that share them are taken as equal: far more than any double needs (767). */
const MAX_COMPARED_DIGITS = 1100;
/** Least positive double, as a power of two: 2^1074 times any double is an integer. */
const DOUBLE_FRACTION_BITS = 1074;

/**
 * The float nearest to a decimal text whose nearest double is `double`. Rounding twice goes wrong only when the double
 * lies half-way between two floats and the text does not: then the text decides.
 * @param text a finite number: sign, digits, a point, an exponent
 */
export function nearestFloat(text: string, double: number): number {
  const rounded = Math.fround(double);
  if (rounded === double || !Number.isFinite(rounded)) return rounded;
  const other = rounded + 2 * (double - rounded); // the float as far on the other side, if there is one
  if (Math.fround(other) !== other) return rounded;
  const order = compareWithDouble(text, double);
  if (order === 0) return rounded;
  return order > 0 ? Math.max(rounded, other) : Math.min(rounded, other);
}

/** Exact order of a decimal text and a finite double: < 0, 0 or > 0. */
function compareWithDouble(text: string, double: number): number {
  const match = /^([+-]?)(\d*)(?:\.(\d*))?(?:[eE]([+-]?\d+))?$/.exec(text)!;
  const fraction = match[3] ?? '';
  const all = (match[2]! + fraction).replace(/^0+/, '');
  const digits = all.slice(0, MAX_COMPARED_DIGITS);
  const hasMore = /[1-9]/.test(all.slice(MAX_COMPARED_DIGITS)); // then the text is beyond what was cut, never equal
  let exponent = Number(match[4] ?? '0') - fraction.length + (all.length - digits.length);
  let scaled = BigInt(digits === '' ? '0' : digits) << BigInt(DOUBLE_FRACTION_BITS);
  let exact = doubleTimesPower(Math.abs(double));
  for (; exponent > 0; exponent--) scaled *= 10n;
  if (exponent < 0) exact *= 10n ** BigInt(-exponent);
  const order = scaled === exact ? (hasMore ? 1 : 0) : scaled > exact ? 1 : -1;
  return match[1] === '-' ? -order : order;
}

/** A positive double times 2^1074. */
function doubleTimesPower(value: number): bigint {
  let mantissa = value;
  let shift = DOUBLE_FRACTION_BITS;
  while (!Number.isInteger(mantissa)) {
    mantissa *= 2;
    shift--;
  }
  return BigInt(mantissa) << BigInt(shift);
}
