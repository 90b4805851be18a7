// The parts, not the whole: that one also loads a native addition, which takes each thread 10 ms and brings nothing here.
import { Packr } from 'msgpackr/pack';
import { Unpackr } from 'msgpackr/unpack';
import { ProtocolError } from '../core/errors.ts';

/**
 * Plain data as bytes: MessagePack of null, booleans, safe integers, doubles, strings, byte arrays, arrays, and objects with
 * fixed field names. Standard MessagePack without extensions, so that any tool can read what is stored. The only file that
 * knows the package behind it.
 *
 * Objects are not for keys from outside (a decoder may lose `__proto__`): those travel as arrays of pairs.
 */

const OPTIONS = { useRecords: false, useToJSON: false, int64AsType: 'number', copyBuffers: true } as const;

/** The bytes of a value, in an array of their own. Equal values with fields in the same order give equal bytes. */
export function encodePlain(value: unknown): Uint8Array {
  const packed = new Packr(OPTIONS).pack(value);
  return new Uint8Array(packed.buffer, packed.byteOffset, packed.byteLength).slice();
}

/**
 * The value in bytes[start, end), which are copied first: they may lie in memory that is shared.
 * @throws ProtocolError when the bytes are not one encoded value
 */
export function decodePlain(bytes: Uint8Array, start: number, end: number): unknown {
  const own = new Uint8Array(end - start);
  own.set(bytes.subarray(start, end));
  try {
    return new Unpackr(OPTIONS).unpack(own);
  } catch (error) {
    throw new ProtocolError(`not encoded data: ${error instanceof Error ? error.message : String(error)}`);
  }
}
