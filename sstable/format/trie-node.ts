import { CorruptFileError } from '../../core/errors.ts';

/**
 * Nodes of the tries in Partitions.db and Rows.db, which map byte strings to payloads. Children lie before their parents; a
 * pointer is the distance from the start of the node back to the start of the child, big endian. First byte: type in the high
 * nibble, payload bits in the low one (0 for no payload) but where noted. What follows it:
 *
 *    0        payload only
 *    1        u8 transition; the distance is the low nibble
 *    2, 4     u8 transition | distance of 8, 16 bits
 *    3        u12 distance, its high bits in the low nibble | u8 transition
 *    5 - 9    u8 children n | n x u8 transitions, ascending | n distances of 8, 12, 16, 24, 40 bits
 *   10 - 15   u8 first transition | u8 children - 1 | distances of 12, 16, 24, 32, 40, 64 bits, 0 for no child
 *
 * Distances of 12 bits are packed, two in three bytes. The payload follows, from the next whole byte on.
 *
 * As children lie before their parents, no walk from node to child can go round in circles, whatever the bytes say.
 * @see Cassandra `TrieNode`; spec/sstable.md §16.1
 */
export class TrieNode {
  /** What readers of the payload need to know beside its place; 0: there is none. */
  payloadBits = 0;
  /** Place of the payload in the bytes that `read` was given. */
  payloadAt = 0;
  childCount = 0;
  readonly #payloadLength: (bits: number) => number;
  #bytes: Uint8Array = EMPTY;
  #path = '';
  /** Position of the node in the file. */
  #position = 0;
  #transitions = 0;
  /** -1: transitions are listed; else the first of consecutive ones. */
  #firstTransition = -1;
  #distances = 0;
  /** 0 for the types that have the one distance in their head. */
  #distanceBits = 0;
  #onlyDistance = 0;

  /** @param payloadLength bytes of a payload with these bits */
  constructor(payloadLength: (bits: number) => number) {
    this.#payloadLength = payloadLength;
  }

  /**
   * Reads the node at bytes[pos], which is valid as long as the bytes are.
   * @param base file position of bytes[0]
   * @returns false when the bytes end before the node and its payload do
   */
  read(bytes: Uint8Array, pos: number, end: number, path: string, base: number): boolean {
    if (end - pos < 2) return false; // payloads have a byte at least
    const type = bytes[pos]! >>> 4;
    const low = bytes[pos]! & 15;
    this.#bytes = bytes;
    this.#path = path;
    this.#position = base + pos;
    this.#firstTransition = -1;
    this.#distanceBits = 0;
    this.payloadBits = type === 1 || type === 3 ? 0 : low;
    let at = pos + 1;
    if (type === 0) {
      this.childCount = 0;
    } else if (type < 5) {
      const length = HEAD_BYTES[type]!;
      if (end - pos < length) return false;
      this.childCount = 1;
      this.#transitions = type === 3 ? pos + 2 : pos + 1;
      if (type === 1) this.#onlyDistance = low;
      else if (type === 2) this.#onlyDistance = bytes[pos + 2]!;
      else if (type === 3) this.#onlyDistance = (low << 8) | bytes[pos + 1]!;
      else this.#onlyDistance = (bytes[pos + 2]! << 8) | bytes[pos + 3]!;
      at = pos + length;
    } else {
      this.#distanceBits = DISTANCE_BITS[type]!;
      if (end - pos < 3) return false;
      if (type < 10) {
        this.childCount = bytes[pos + 1]!;
        this.#transitions = pos + 2;
        this.#distances = pos + 2 + this.childCount;
      } else {
        this.#firstTransition = bytes[pos + 1]!;
        this.childCount = bytes[pos + 2]! + 1;
        this.#distances = pos + 3;
      }
      at = this.#distances + ((this.childCount * this.#distanceBits + 7) >>> 3);
    }
    this.payloadAt = at;
    if (this.payloadBits !== 0) at += this.#payloadLength(this.payloadBits);
    return at <= end;
  }

  transition(i: number): number {
    if (this.#firstTransition >= 0) return (this.#firstTransition + i) & 0xff;
    return this.#bytes[this.#transitions + i]!;
  }

  /** File position of child i; -1 when there is none in this place. @throws CorruptFileError when the distance leads nowhere */
  child(i: number): number {
    const distance = this.#distance(i);
    if (distance === 0 && this.#firstTransition >= 0) return -1;
    if (distance === 0 || distance > this.#position) {
      throw new CorruptFileError(this.#path, this.#position, `child ${distance} bytes before its node`);
    }
    return this.#position - distance;
  }

  /** The first place whose transition is not below a byte; `childCount` when all are. */
  placeOf(byte: number): number {
    if (this.#firstTransition >= 0) return Math.min(this.childCount, Math.max(0, byte - this.#firstTransition));
    let i = 0;
    while (i < this.childCount && this.#bytes[this.#transitions + i]! < byte) i++;
    return i;
  }

  #distance(i: number): number {
    const bytes = this.#bytes;
    const bits = this.#distanceBits;
    if (bits === 0) return this.#onlyDistance;
    if (bits === 12) {
      const at = this.#distances + ((i * 3) >>> 1);
      const two = (bytes[at]! << 8) | bytes[at + 1]!;
      return (i & 1) === 0 ? two >>> 4 : two & 0xfff;
    }
    const length = bits >>> 3;
    let distance = 0;
    for (let at = this.#distances + i * length, last = at + length; at < last; at++)
      distance = distance * 256 + bytes[at]!;
    return distance;
  }
}

const EMPTY = new Uint8Array(0);
/** Of the types with one child, and of no other. */
const HEAD_BYTES = [1, 2, 3, 3, 4];
/** By type. */
const DISTANCE_BITS = [0, 0, 0, 0, 0, 8, 12, 16, 24, 40, 12, 16, 24, 32, 40, 64];
