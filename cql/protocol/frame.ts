import { copyBytes, readU16BE, readU32BE } from '../../core/bytes.ts';
import {
  HEADER_LENGTH,
  HIGHEST_VERSION,
  INITIAL_BODY_LIMIT,
  LOWEST_VERSION,
  MAX_BODY_LENGTH,
  NO_STREAM,
  OLD_HEADER_LENGTH,
  RESPONSE_BIT,
} from './envelope.ts';

/** What `FrameSplitter.next` found. */
export const FrameStep = {
  /** The chunk is used up; what is left of it was copied. */
  NeedMore: 0,
  /** A whole frame: header fields and `bytes[bodyStart, bodyEnd)` are set. */
  Frame: 1,
  /** A body of `bodyLength` bytes, above the limit, is being dropped; header fields are set. Answer at once. */
  TooLarge: 2,
  /** The last byte of a body that was too large has been dropped: close now, or go on with the next frame. */
  Dropped: 3,
  /** `version` is not served: answer with `writeVersionRefusal` on `stream`, then close. Ends the splitter. */
  BadVersion: 4,
  /** `version` is not that of the connection's first frame, `connectionVersion`: answer, close. Ends the splitter. */
  VersionChanged: 5,
  /** The response bit is set: answer on `stream`, close. Ends the splitter. */
  NotARequest: 6,
  /** TLS or HTTP on the plain port: close without an answer. Ends the splitter. */
  NotCql: 7,
} as const;
export type FrameStep = (typeof FrameStep)[keyof typeof FrameStep];

const TLS_HELLO = 0x16;
const HTTP_G = 0x47;

/** First size of the buffer for a partial frame, in bytes. */
const PENDING_START = 256;
/** A buffer up to this size, in bytes, is kept for the next partial frame: an idle connection holds no more. */
const PENDING_KEPT = 4096;
const NO_BYTES = new Uint8Array(0);

/**
 * Cuts the bytes of one connection into frames of protocol v3 and v4, incrementally.
 *
 *   for (splitter.push(chunk); ; ) { const step = splitter.next(); if (step === FrameStep.NeedMore) break; ... }
 *
 * States: *frames* (the normal one), *dropping* (`#toDrop` bytes of a body that was too large), *ended* (after a fatal step
 * every byte is dropped, so that the answer can be read before the socket closes: a reset would discard it).
 *
 * Frames that lie whole in the chunk are handed out in place. At most one partial frame is kept, in a buffer that grows
 * with the bytes that arrived and never with the length that a header claims: at most twice what was received.
 * Whoever takes the steps must take them until NeedMore before the next `push`.
 * @see spec cql-protocol §2, §11; performance §2.2
 */
export class FrameSplitter {
  /**
   * Bodies longer than this are dropped, in bytes, at most MAX_BODY_LENGTH. Starts at the limit for strangers; the
   * connection raises it after STARTUP and may lower it while memory is short.
   */
  bodyLimit: number;
  /** Version of the connection's first frame, 0 before it. */
  connectionVersion: number;

  /** Fields of the frame of the last step. */
  version: number;
  flags: number;
  stream: number;
  opcode: number;
  bodyLength: number;
  /** Holds the body of the last `Frame` step: the chunk or the splitter's own buffer. Valid until `next` or `push`. */
  bytes: Uint8Array;
  bodyStart: number;
  bodyEnd: number;

  #chunk: Uint8Array;
  #pos: number;
  #end: number;
  /** bytes[0, #pendingLength) of #pending is a frame that is not whole yet, from its header on. */
  #pending: Uint8Array;
  #pendingLength: number;
  /** Header and body of the pending frame in bytes, 0 while its header is not whole. */
  #pendingTotal: number;
  #toDrop: number;
  #isEnded: boolean;

  constructor() {
    this.bodyLimit = INITIAL_BODY_LIMIT;
    this.connectionVersion = 0;
    this.version = 0;
    this.flags = 0;
    this.stream = NO_STREAM;
    this.opcode = 0;
    this.bodyLength = 0;
    this.bytes = NO_BYTES;
    this.bodyStart = 0;
    this.bodyEnd = 0;
    this.#chunk = NO_BYTES;
    this.#pos = 0;
    this.#end = 0;
    this.#pending = NO_BYTES;
    this.#pendingLength = 0;
    this.#pendingTotal = 0;
    this.#toDrop = 0;
    this.#isEnded = false;
  }

  /** Bytes of memory that this connection's partial frame holds. */
  get pendingCapacity(): number {
    return this.#pending.length;
  }

  /** Body length of the frame of which only a part has come, in bytes; 0 while there is none or its header is not whole. */
  get pendingBodyLength(): number {
    return Math.max(0, this.#pendingTotal - HEADER_LENGTH);
  }

  /** Gives the next bytes of the connection. They are borrowed until `next` says NeedMore. */
  push(chunk: Uint8Array, start = 0, end: number = chunk.length): void {
    this.#chunk = chunk;
    this.#pos = start;
    this.#end = end;
  }

  /** The next step in the bytes given; NeedMore says that they are used up. */
  next(): FrameStep {
    if (this.#isEnded) return this.#finishChunk();
    if (this.#toDrop > 0) {
      const dropped = Math.min(this.#toDrop, this.#end - this.#pos);
      this.#toDrop -= dropped;
      this.#pos += dropped;
      return this.#toDrop === 0 ? FrameStep.Dropped : this.#finishChunk();
    }
    if (this.#pendingLength > 0) return this.#continuePending();
    if (this.#pending.length > PENDING_KEPT) this.#pending = NO_BYTES; // held the frame of the last step
    const available = this.#end - this.#pos;
    if (available === 0) return this.#finishChunk();
    const step = this.#readHeader(this.#chunk, this.#pos, available);
    if (step === FrameStep.Frame) {
      const total = HEADER_LENGTH + this.bodyLength;
      if (available >= total) {
        this.bytes = this.#chunk;
        this.bodyStart = this.#pos + HEADER_LENGTH;
        this.bodyEnd = this.#pos + total;
        this.#pos = this.bodyEnd;
        return FrameStep.Frame;
      }
      this.#pendingTotal = total;
      this.#keep(available);
      return this.#finishChunk();
    }
    if (step === FrameStep.NeedMore) {
      this.#keep(available);
      return this.#finishChunk();
    }
    this.#pos += HEADER_LENGTH; // TooLarge: the body follows. Fatal steps end the splitter, where it does not matter
    return step;
  }

  #continuePending(): FrameStep {
    if (this.#pendingTotal === 0) {
      this.#keep(Math.min(HEADER_LENGTH - this.#pendingLength, this.#end - this.#pos));
      const step = this.#readHeader(this.#pending, 0, this.#pendingLength);
      if (step === FrameStep.NeedMore) return this.#finishChunk();
      if (step !== FrameStep.Frame) {
        this.#pendingLength = 0;
        return step;
      }
      this.#pendingTotal = HEADER_LENGTH + this.bodyLength;
    }
    this.#keep(Math.min(this.#pendingTotal - this.#pendingLength, this.#end - this.#pos));
    if (this.#pendingLength < this.#pendingTotal) return this.#finishChunk();
    this.bytes = this.#pending;
    this.bodyStart = HEADER_LENGTH;
    this.bodyEnd = this.#pendingTotal;
    this.#pendingLength = 0;
    this.#pendingTotal = 0;
    return FrameStep.Frame;
  }

  /** Reads the header at bytes[at, at + available) into the fields. NeedMore: too short to tell. */
  #readHeader(bytes: Uint8Array, at: number, available: number): FrameStep {
    const first = bytes[at]!;
    if (this.connectionVersion === 0 && (first === TLS_HELLO || first === HTTP_G)) return this.#fail(FrameStep.NotCql);
    const version = first & ~RESPONSE_BIT;
    const isOld = version === 1 || version === 2;
    if (available < (isOld ? OLD_HEADER_LENGTH : HEADER_LENGTH)) return FrameStep.NeedMore;
    this.version = version;
    this.flags = bytes[at + 1]!;
    this.stream = isOld ? (bytes[at + 2]! << 24) >> 24 : (readU16BE(bytes, at + 2) << 16) >> 16;
    this.opcode = bytes[at + (isOld ? 3 : 4)]!;
    this.bodyLength = readU32BE(bytes, at + (isOld ? 4 : 5));
    if ((first & RESPONSE_BIT) !== 0) return this.#fail(FrameStep.NotARequest);
    if (this.connectionVersion === 0) {
      if (version < LOWEST_VERSION || version > HIGHEST_VERSION) return this.#fail(FrameStep.BadVersion);
      this.connectionVersion = version;
    } else if (version !== this.connectionVersion) {
      return this.#fail(FrameStep.VersionChanged);
    }
    if (this.bodyLength <= this.bodyLimit && this.bodyLength <= MAX_BODY_LENGTH) return FrameStep.Frame;
    this.#toDrop = this.bodyLength;
    return FrameStep.TooLarge;
  }

  #fail(step: FrameStep): FrameStep {
    this.#isEnded = true;
    this.#pending = NO_BYTES;
    return step;
  }

  /** Moves the next `count` bytes of the chunk to the pending frame. */
  #keep(count: number): void {
    const needed = this.#pendingLength + count;
    if (needed > this.#pending.length) {
      const larger = new Uint8Array(Math.max(needed, 2 * this.#pending.length, PENDING_START));
      larger.set(this.#pending.subarray(0, this.#pendingLength));
      this.#pending = larger;
    }
    copyBytes(this.#chunk, this.#pos, this.#pos + count, this.#pending, this.#pendingLength);
    this.#pendingLength = needed;
    this.#pos += count;
  }

  /** Forgets the chunk, which is its owner's again. */
  #finishChunk(): FrameStep {
    this.#chunk = NO_BYTES;
    this.#pos = 0;
    this.#end = 0;
    this.bytes = NO_BYTES;
    return FrameStep.NeedMore;
  }
}
