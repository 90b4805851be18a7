import { ByteWriter } from '../../core/bytes.ts';
import { productHi } from '../../core/murmur3.ts';

/*
 * Component 1 of Statistics.db, an estimate of how many partition keys there are (HyperLogLog++):
 *
 *   i32 -2; precision 13, sparse precision 25, form (0 or 1), each as LEB128
 *   form 1, sparse: number of entries, then of each entry the difference to the code before it, all LEB128
 *   form 0: number of bytes as LEB128, then 8192 registers of 5 bits, six to a big-endian i32, the first in its low bits
 *
 * The code of an entry: register in 25 bits, shifted by 1; where its low 12 bits are 0, shifted by 7, with 63 minus the run
 * of zeros in bits 1 to 6 and a 1 in bit 0.
 */
const VERSION = -2;
const PRECISION = 13;
const SPARSE_PRECISION = 25;
const Form = { Registers: 0, Sparse: 1 } as const;
const REGISTERS: number = 1 << PRECISION;
const REGISTERS_PER_WORD = 6;
/** More different entries than this are kept as registers. */
const MOST_SPARSE: number = REGISTERS * 0.75;
const NO_RUN_MASK: number = (1 << (SPARSE_PRECISION - PRECISION)) - 1;

const M_HI: number = 0xc6a4a793 | 0;
const M_LO = 0x5bd1e995;

/**
 * Estimate of the number of different keys, in the form in which Cassandra reads it: without one it takes Statistics.db for
 * damaged in its metadata tool, and guesses from the index's size in compaction.
 * @see spec/sstable.md B.3
 */
export class CardinalityEstimate {
  readonly #registers: Uint8Array = new Uint8Array(REGISTERS);
  /** Register of 25 bits, then the low 7 bits of an entry whose code has a run, else 0: in the order of the file. */
  #entries: Uint32Array | undefined = new Uint32Array(64);
  #entryCount = 0;

  add(bytes: Uint8Array, start: number, end: number): void {
    const length = end - start;
    let hi = productHi(0, length, M_HI, M_LO);
    let lo = Math.imul(length, M_LO);
    let at = start;
    for (const blocksEnd = start + (length & ~7); at < blocksEnd; at += 8) {
      let kLo = bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24);
      let kHi = bytes[at + 4]! | (bytes[at + 5]! << 8) | (bytes[at + 6]! << 16) | (bytes[at + 7]! << 24);
      // k *= m; k ^= k >>> 47; k *= m
      kHi = productHi(kHi, kLo, M_HI, M_LO);
      kLo = Math.imul(kLo, M_LO);
      kLo ^= kHi >>> 15;
      kHi = productHi(kHi, kLo, M_HI, M_LO);
      kLo = Math.imul(kLo, M_LO);
      hi ^= kHi;
      lo ^= kLo;
      hi = productHi(hi, lo, M_HI, M_LO);
      lo = Math.imul(lo, M_LO);
    }
    if (at < end) {
      for (let shift = 0; at < end; at++, shift += 8) {
        const byte = (bytes[at]! << 24) >> 24; // sign-extended to 64 bits, as Cassandra has it
        if (shift < 32) {
          lo ^= byte << shift;
          hi ^= shift === 0 ? byte >> 31 : byte >> (32 - shift);
        } else {
          hi ^= byte << (shift - 32);
        }
      }
      hi = productHi(hi, lo, M_HI, M_LO);
      lo = Math.imul(lo, M_LO);
    }
    lo ^= hi >>> 15;
    hi = productHi(hi, lo, M_HI, M_LO);
    lo = Math.imul(lo, M_LO);
    lo ^= hi >>> 15;
    this.#addHash(hi, lo);
  }

  /** Component 1 without the length in front. */
  encode(): Uint8Array {
    this.#sortEntries();
    const out = new ByteWriter(64);
    out.i32BE(VERSION);
    writeLeb(out, PRECISION);
    writeLeb(out, SPARSE_PRECISION);
    const entries = this.#entries;
    if (entries === undefined) {
      const words = Math.ceil(REGISTERS / REGISTERS_PER_WORD);
      writeLeb(out, Form.Registers);
      writeLeb(out, words * 4);
      for (let word = 0; word < words; word++) out.i32BE(this.#word(word * REGISTERS_PER_WORD));
      return out.toBytes();
    }
    writeLeb(out, Form.Sparse);
    writeLeb(out, this.#entryCount);
    let before = 0;
    for (let i = 0; i < this.#entryCount; i++) {
      const entry = entries[i]!;
      const code = (entry & 1) !== 0 ? entry : (entry >>> 7) << 1;
      writeLeb(out, code - before);
      before = code;
    }
    return out.toBytes();
  }

  #addHash(hi: number, lo: number): void {
    const top = (hi << PRECISION) | (lo >>> (32 - PRECISION));
    const rest = (lo << PRECISION) | (1 << (PRECISION - 1));
    const run = 1 + (top !== 0 ? Math.clz32(top) : 32 + Math.clz32(rest));
    const register = hi >>> (32 - PRECISION);
    if (this.#registers[register]! < run) this.#registers[register] = run;
    let entries = this.#entries;
    if (entries === undefined) return;
    if (this.#entryCount === entries.length) {
      this.#sortEntries();
      entries = this.#entries;
      if (entries === undefined) return;
      if (this.#entryCount * 2 > entries.length) {
        const larger = new Uint32Array(entries.length * 2);
        larger.set(entries);
        this.#entries = larger;
        entries = larger;
      }
    }
    const index = hi >>> (32 - SPARSE_PRECISION);
    const lowBits = (index & NO_RUN_MASK) === 0 ? ((run ^ 63) << 1) | 1 : 0;
    entries[this.#entryCount++] = (index << 7) | lowBits;
  }

  /** Brings the entries in order, one for each index, and lets go of them when they are too many. */
  #sortEntries(): void {
    const entries = this.#entries;
    if (entries === undefined) return;
    entries.subarray(0, this.#entryCount).sort();
    let kept = 0;
    for (let i = 0; i < this.#entryCount; i++) {
      const entry = entries[i]!;
      if (kept === 0 || entries[kept - 1]! >>> 7 !== entry >>> 7) entries[kept++] = entry;
    }
    this.#entryCount = kept;
    if (kept > MOST_SPARSE) this.#entries = undefined;
  }

  #word(first: number): number {
    let word = 0;
    for (let i = 0; i < REGISTERS_PER_WORD; i++) word |= (this.#registers[first + i] ?? 0) << (i * 5);
    return word;
  }
}

/** An int32's bits, seven at a time, the low ones first. */
function writeLeb(out: ByteWriter, value: number): void {
  let rest = value >>> 0;
  while (rest > 0x7f) {
    out.u8((rest & 0x7f) | 0x80);
    rest >>>= 7;
  }
  out.u8(rest);
}
