import { readI32BE } from '../../core/bytes.ts';
import { CorruptFileError } from '../../core/errors.ts';

/** Form of the bytes: the number of a version, then numbers of seven bits a byte, least first. */
const VERSION = -2;
const SPARSE = 1;
const BITS_PER_REGISTER = 5;
const REGISTERS_PER_WORD = 6;
/** Empty registers tell more than full ones while the estimate is below this many times their number. */
const LINEAR_UP_TO = 2.5;

/**
 * How many different keys the HyperLogLog++ bytes of Statistics.db estimate; undefined when there are none. Without the correction tables of
 * the original: between 2.5 and 5 times the number of registers it is off by up to three per cent more.
 * @throws CorruptFileError
 * @see spec/sstable.md B.3; Heule, Nunkesser, Hall: "HyperLogLog in Practice"
 */
export function estimatedCardinality(bytes: Uint8Array, path: string): number | undefined {
  if (bytes.length === 0) return undefined;
  if (bytes.length < 8 || readI32BE(bytes, 0) !== VERSION)
    throw new CorruptFileError(path, 0, 'cardinality of no known form');
  let at = 4;
  const number = () => {
    let value = 0;
    for (let shift = 0; shift < 35; shift += 7) {
      const byte = bytes[at++];
      if (byte === undefined) break;
      value += (byte & 0x7f) * 2 ** shift;
      if (byte < 0x80) return value;
    }
    throw new CorruptFileError(path, 0, 'cardinality cut short');
  };
  const precision = number();
  const sparsePrecision = number();
  if (precision > 25 || sparsePrecision > 32) throw new CorruptFileError(path, 0, 'cardinality of no known precision');
  if (number() === SPARSE) return linear(2 ** sparsePrecision, 2 ** sparsePrecision - number());
  const registers = 2 ** precision;
  number(); // bytes that follow
  return fromRegisters(bytes, at, registers, path);
}

/** @param empty of the registers */
function linear(registers: number, empty: number): number {
  return Math.round(registers * Math.log(registers / Math.max(1, empty)));
}

function fromRegisters(bytes: Uint8Array, start: number, registers: number, path: string): number {
  const words = Math.ceil(registers / REGISTERS_PER_WORD);
  if (start + words * 4 > bytes.length) throw new CorruptFileError(path, 0, 'cardinality cut short');
  let sum = 0;
  let empty = 0;
  for (let i = 0; i < registers; i++) {
    const word = readI32BE(bytes, start + Math.floor(i / REGISTERS_PER_WORD) * 4);
    const value = (word >>> ((i % REGISTERS_PER_WORD) * BITS_PER_REGISTER)) & 31;
    sum += 2 ** -value;
    if (value === 0) empty++;
  }
  const raw = ((0.7213 / (1 + 1.079 / registers)) * registers * registers) / sum;
  return empty > 0 && raw <= LINEAR_UP_TO * registers ? linear(registers, empty) : Math.round(raw);
}
