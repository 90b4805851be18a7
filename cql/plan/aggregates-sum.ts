import { readI32BE, readU32BE, writeI32BE } from '../../core/bytes.ts';
import { InvalidRequestError } from '../../core/errors.ts';
import { bigIntHi, bigIntLo } from '../../core/int64.ts';
import { view } from '../../core/types/text-form.ts';
import { bigIntToVarint, MAX_NUMBER_BYTES, MAX_NUMBER_DIGITS, varintToBigInt } from '../../core/types/varint.ts';

/** The sum of many values of one type, in the type's form. Exact for all but floats. */
export interface Sum {
  reset(): void;
  /** Adds the value bytes[start, end), which is not empty and valid for the type. @throws InvalidRequestError for one too large */
  add(bytes: Uint8Array, start: number, end: number): void;
  /** @throws InvalidRequestError when the type cannot hold it */
  total(): Uint8Array;
  /** The sum divided by a count; 0 for a count of 0. */
  average(count: number): Uint8Array;
}

const TWO_32 = 0x1_0000_0000;
/** Additions after which no limb can have passed 2^53. */
const ADDITIONS_PER_CARRY = 1 << 20;

/**
 * tinyint to bigint. The sum is top × 2^64 + hi × 2^32 + lo, each a safe integer: no addition makes a bigint, and the sum may go
 * beyond the type on its way as long as it comes back.
 */
export class IntegerSum implements Sum {
  readonly #width: number;
  #lo = 0;
  #hi = 0;
  #top = 0;
  #additions = 0;

  /** @param width bytes of a value: 1, 2, 4 or 8 */
  constructor(width: number) {
    this.#width = width;
  }

  reset(): void {
    this.#lo = 0;
    this.#hi = 0;
    this.#top = 0;
    this.#additions = 0;
  }

  add(bytes: Uint8Array, start: number, _end: number): void {
    switch (this.#width) {
      case 8:
        this.#hi += readI32BE(bytes, start);
        this.#lo += readU32BE(bytes, start + 4);
        break;
      case 4:
        this.#lo += readI32BE(bytes, start);
        break;
      case 2:
        this.#lo += ((bytes[start]! << 24) >> 16) | bytes[start + 1]!;
        break;
      default:
        this.#lo += (bytes[start]! << 24) >> 24;
    }
    if (++this.#additions === ADDITIONS_PER_CARRY) this.#carry();
  }

  #carry(): void {
    const fromLo = Math.floor(this.#lo / TWO_32);
    this.#lo -= fromLo * TWO_32;
    this.#hi += fromLo;
    const fromHi = Math.floor(this.#hi / TWO_32);
    this.#hi -= fromHi * TWO_32;
    this.#top += fromHi;
    this.#additions = 0;
  }

  #value(): bigint {
    return (BigInt(this.#top) << 64n) + (BigInt(this.#hi) << 32n) + BigInt(this.#lo);
  }

  total(): Uint8Array {
    const value = this.#value();
    if (BigInt.asIntN(this.#width * 8, value) !== value) {
      throw new InvalidRequestError('Sum overflow. Values should be casted to a wider type.');
    }
    return this.#bytes(value);
  }

  average(count: number): Uint8Array {
    return this.#bytes(count === 0 ? 0n : this.#value() / BigInt(count));
  }

  #bytes(value: bigint): Uint8Array {
    const all = new Uint8Array(8);
    writeI32BE(all, 0, bigIntHi(value));
    writeI32BE(all, 4, bigIntLo(value));
    return all.slice(8 - this.#width);
  }
}

/** varint. Its numbers have any length, so the sum is a bigint. */
export class VarintSum implements Sum {
  #sum = 0n;

  reset(): void {
    this.#sum = 0n;
  }
  add(bytes: Uint8Array, start: number, end: number): void {
    checkSize(end - start);
    this.#sum += varintToBigInt(bytes, start, end);
  }
  total(): Uint8Array {
    return bigIntToVarint(this.#sum);
  }
  average(count: number): Uint8Array {
    return bigIntToVarint(count === 0 ? 0n : this.#sum / BigInt(count));
  }
}

/** decimal: the sum has the greatest scale of its parts; an average keeps that scale, rounded half to even. */
export class DecimalSum implements Sum {
  #unscaled = 0n;
  #scale = 0;
  #isEmpty = true;

  reset(): void {
    this.#unscaled = 0n;
    this.#scale = 0;
    this.#isEmpty = true;
  }

  add(bytes: Uint8Array, start: number, end: number): void {
    checkSize(end - start);
    const scale = readI32BE(bytes, start);
    const unscaled = varintToBigInt(bytes, start + 4, end);
    if (this.#isEmpty) {
      this.#isEmpty = false;
      this.#scale = scale;
      this.#unscaled = unscaled;
      return;
    }
    const common = Math.max(this.#scale, scale);
    this.#unscaled = rescaled(this.#unscaled, common - this.#scale) + rescaled(unscaled, common - scale);
    this.#scale = common;
  }

  total(): Uint8Array {
    return this.#bytes(this.#unscaled);
  }

  average(count: number): Uint8Array {
    if (count === 0) return this.#bytes(0n);
    const divisor = BigInt(count);
    const quotient = this.#unscaled / divisor;
    const rest = this.#unscaled % divisor;
    const twice = (rest < 0n ? -rest : rest) * 2n;
    const roundsUp = twice > divisor || (twice === divisor && quotient % 2n !== 0n);
    return this.#bytes(roundsUp ? quotient + (this.#unscaled < 0n ? -1n : 1n) : quotient);
  }

  #bytes(unscaled: bigint): Uint8Array {
    const bytes = bigIntToVarint(unscaled, 4);
    writeI32BE(bytes, 0, this.#scale);
    return bytes;
  }
}

function rescaled(unscaled: bigint, digits: number): bigint {
  if (digits === 0 || unscaled === 0n) return unscaled;
  // Two short values of very different scales would make a number of gigabytes.
  if (digits > MAX_NUMBER_DIGITS) {
    throw new InvalidRequestError(`a sum of decimals would have more than ${MAX_NUMBER_DIGITS} digits`);
  }
  return unscaled * 10n ** BigInt(digits);
}

function checkSize(size: number): void {
  if (size > MAX_NUMBER_BYTES) {
    throw new InvalidRequestError(`a number of ${size} bytes cannot be summed, at most ${MAX_NUMBER_BYTES}`);
  }
}

/**
 * float and double, added as doubles with Kahan's compensation, so that the order of rows hardly matters. Infinities and NaN are as
 * in plain addition: inf + -inf is NaN.
 */
export class FloatSum implements Sum {
  readonly #width: number;
  #sum = 0;
  #compensation = 0;
  #plainSum = 0;

  /** @param width bytes of a value: 4 or 8 */
  constructor(width: number) {
    this.#width = width;
  }

  reset(): void {
    this.#sum = 0;
    this.#compensation = 0;
    this.#plainSum = 0;
  }

  add(bytes: Uint8Array, start: number, end: number): void {
    const buffer = view(bytes, start, end);
    const value = this.#width === 4 ? buffer.readFloatBE(0) : buffer.readDoubleBE(0);
    this.#plainSum += value;
    const corrected = value - this.#compensation;
    const sum = this.#sum + corrected;
    this.#compensation = sum - this.#sum - corrected;
    this.#sum = sum;
  }

  #value(): number {
    return Number.isFinite(this.#sum) && Number.isFinite(this.#plainSum) ? this.#sum : this.#plainSum;
  }

  total(): Uint8Array {
    return this.#bytes(this.#value());
  }

  average(count: number): Uint8Array {
    return this.#bytes(count === 0 ? 0 : this.#value() / count);
  }

  #bytes(value: number): Uint8Array {
    const bytes = new Uint8Array(this.#width);
    const buffer = view(bytes, 0, this.#width);
    if (this.#width === 4) buffer.writeFloatBE(value, 0);
    else buffer.writeDoubleBE(value, 0);
    return bytes;
  }
}
