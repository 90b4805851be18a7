import { ByteWriter, copyBytes, writeI32BE, writeU16BE } from '../../core/bytes.ts';
import { InvalidRequestError } from '../../core/errors.ts';
import type { BodyCompressor } from './compress.ts';
import { EnvelopeFlag, HEADER_LENGTH, MAX_BODY_LENGTH, RESPONSE_BIT, writeHeader } from './envelope.ts';
import { utf8CutLength } from './utf8.ts';

/** The longest [string], in bytes. */
export const MAX_STRING_LENGTH = 0xffff;

/** A buffer larger than this, in bytes, is given up at `clear`: one large result must not hold memory for ever. */
const KEPT_CAPACITY = 1024 * 1024;
const FIRST_CAPACITY = 16 * 1024;

/** Bodies shorter than this, in bytes, are not compressed: they gain nothing. */
const COMPRESSED_FROM = 512;

const ENCODER = new TextEncoder();

/**
 * What leads the message of a response body (spec cql-protocol §2), for versions that know it: warnings and payload from v4 on.
 */
export interface ResponseLead {
  /** 16 bytes of the tracing session's id, or undefined. */
  readonly tracingId: Uint8Array | undefined;
  readonly warnings: readonly string[];
  readonly payload: ReadonlyMap<string, Uint8Array>;
}

/**
 * The responses of one turn to one connection, back to back. A response is begun, its body appended, and ended, which fills in
 * its length; one response at a time. If making a body fails, `abandon` takes it back and an error is written in its place.
 */
export class OutputBuffer extends ByteWriter {
  constructor(capacity: number = FIRST_CAPACITY) {
    super(capacity);
  }

  override clear(): void {
    this.length = 0;
    if (this.bytes.length > KEPT_CAPACITY) this.bytes = new Uint8Array(FIRST_CAPACITY);
  }

  /** Begins a response; returns its mark for `end` and `abandon`. */
  begin(version: number, stream: number, opcode: number): number {
    const mark = this.reserve(HEADER_LENGTH);
    writeHeader(this.bytes, mark, version | RESPONSE_BIT, 0, stream, opcode, 0);
    this.length = mark + HEADER_LENGTH;
    return mark;
  }

  /** Writes what leads the message: directly after `begin`. */
  lead(mark: number, lead: ResponseLead): void {
    const version = this.bytes[mark]! & ~RESPONSE_BIT;
    let flags = 0;
    if (lead.tracingId !== undefined) {
      flags |= EnvelopeFlag.Tracing;
      this.raw(lead.tracingId, 0, 16);
    }
    if (version >= 4 && lead.warnings.length > 0) {
      flags |= EnvelopeFlag.Warning;
      const count = Math.min(lead.warnings.length, 0xffff);
      this.u16BE(count);
      for (let i = 0; i < count; i++) this.cutString(lead.warnings[i]!);
    }
    if (version >= 4 && lead.payload.size > 0) {
      flags |= EnvelopeFlag.CustomPayload;
      this.u16BE(lead.payload.size);
      for (const [key, value] of lead.payload) {
        this.string(key);
        this.cell(value, 0, value.length);
      }
    }
    this.bytes[mark + 1]! |= flags;
  }

  /**
   * Ends the response of that mark: fills in the body's length, and compresses the body if that makes it smaller.
   * @throws InvalidRequestError if the body is larger than the protocol allows; the response is taken back
   */
  end(mark: number, compressor?: BodyCompressor): void {
    const bodyStart = mark + HEADER_LENGTH;
    let bodyLength = this.length - bodyStart;
    if (bodyLength > MAX_BODY_LENGTH) {
      this.abandon(mark);
      throw new InvalidRequestError(
        `The result has ${bodyLength} bytes, the protocol allows ${MAX_BODY_LENGTH}: ask for it in pages`,
        { bodyLength },
      );
    }
    if (compressor !== undefined && bodyLength >= COMPRESSED_FROM) {
      const compressed = compressor.compress(this.bytes.subarray(bodyStart, this.length));
      if (compressed.length < bodyLength) {
        this.bytes.set(compressed, bodyStart);
        bodyLength = compressed.length;
        this.length = bodyStart + bodyLength;
        this.bytes[mark + 1]! |= EnvelopeFlag.Compressed;
      }
    }
    writeI32BE(this.bytes, mark + 5, bodyLength);
  }

  /** Takes back what was written since `begin` gave this mark. */
  abandon(mark: number): void {
    this.length = mark;
  }

  /** [string]. @throws InvalidRequestError if it has more than 65535 bytes: a name that a user chose */
  string(text: string): void {
    const at = this.#text(2, text);
    const length = this.length - at - 2;
    if (length > MAX_STRING_LENGTH) {
      this.length = at;
      throw new InvalidRequestError(`a text of ${length} bytes where the protocol allows ${MAX_STRING_LENGTH}`, {
        length,
      });
    }
    writeU16BE(this.bytes, at, length);
  }

  /** [string] of at most `limit` bytes: what is longer is cut after a whole character. */
  cutString(text: string, limit: number = MAX_STRING_LENGTH): void {
    // A UTF-16 unit makes at least one byte: cut first, so that a text of any size is not encoded whole.
    const at = this.#text(2, text.length > limit ? text.slice(0, limit) : text);
    if (this.length - at - 2 > limit) this.length = at + 2 + utf8CutLength(this.bytes, at + 2, limit);
    writeU16BE(this.bytes, at, this.length - at - 2);
  }

  /** [long string], also the [bytes] of a text. */
  longString(text: string): void {
    const at = this.#text(4, text);
    writeI32BE(this.bytes, at, this.length - at - 4);
  }

  /** [string list]. */
  stringList(list: readonly string[]): void {
    this.u16BE(list.length);
    for (const text of list) this.string(text);
  }

  /** [short bytes]. */
  shortBytes(bytes: Uint8Array, start = 0, end: number = bytes.length): void {
    this.u16BE(end - start);
    this.raw(bytes, start, end);
  }

  /** [bytes]: a cell of a row, or any other, from source[start, end). */
  cell(source: Uint8Array, start: number, end: number): void {
    const length = end - start;
    const at = this.reserve(4 + length);
    writeI32BE(this.bytes, at, length);
    copyBytes(source, start, end, this.bytes, at + 4);
    this.length = at + 4 + length;
  }

  /** [bytes] of null: a cell without a value. */
  nullCell(): void {
    this.i32BE(-1);
  }

  /** Appends the UTF-8 of `text` after `gap` bytes for its length; returns where the gap is. Lone surrogates become U+FFFD. */
  #text(gap: number, text: string): number {
    const at = this.reserve(gap + 3 * text.length);
    const start = at + gap;
    this.length = start + ENCODER.encodeInto(text, this.bytes.subarray(start)).written;
    return at;
  }
}
