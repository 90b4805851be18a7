/**
 * Frames that mailboxes exchange over links. Integers are little endian.
 *
 *   request   kind u8 = 1 | 0 u8 | verb u16   | id u32     | remaining ms u32 | body
 *   reply     kind u8 = 2 | 0 u8 | status u16 | id u32     | body
 *   fragment  kind u8 = 3 | 0 u8 | stream u16 | offset u32 | total u32        | piece
 *
 * `id` is the asker's (`call-slots.ts`) and means nothing to who answers. `remaining` is what is left of the deadline when the
 * frame is sent, at least 1; NO_DEADLINE is none. A request or reply whose body is larger than the link's inline limit is
 * cut into fragments: `offset` counts in the bytes of the whole frame, of which there are `total`. The pieces of one stream come in
 * order, those of several streams and other frames in between.
 */
import { assert } from '../core/assert.ts';
import { readU16LE, readU32LE, writeI32LE, writeU16LE } from '../core/bytes.ts';

export const FrameKind = { Request: 1, Reply: 2, Fragment: 3 } as const;

export const REQUEST_HEADER_BYTES = 12;
export const REPLY_HEADER_BYTES = 8;
export const FRAGMENT_HEADER_BYTES = 12;

/** Largest body that travels in one frame. */
export const INLINE_BYTES: number = 16 * 1024;
/** Largest body of a request or reply. */
export const MAX_MESSAGE_BYTES: number = 16 * 1024 * 1024;

const NO_DEADLINE = 0xffff_ffff;

export function writeRequestHeader(
  bytes: Uint8Array,
  at: number,
  verb: number,
  id: number,
  deadlineMs: number,
  nowMs: number,
): void {
  bytes[at] = FrameKind.Request;
  bytes[at + 1] = 0;
  writeU16LE(bytes, at + 2, verb);
  writeI32LE(bytes, at + 4, id);
  writeRemaining(bytes, at, deadlineMs, nowMs);
}

/** Renews the remaining time of a request header that was written earlier. */
export function writeRemaining(bytes: Uint8Array, at: number, deadlineMs: number, nowMs: number): void {
  let remainingMs = NO_DEADLINE;
  if (deadlineMs !== Infinity) remainingMs = Math.min(NO_DEADLINE - 1, Math.max(1, Math.ceil(deadlineMs - nowMs)));
  writeI32LE(bytes, at + 8, remainingMs);
}

export function writeReplyHeader(bytes: Uint8Array, at: number, status: number, id: number): void {
  bytes[at] = FrameKind.Reply;
  bytes[at + 1] = 0;
  writeU16LE(bytes, at + 2, status);
  writeI32LE(bytes, at + 4, id);
}

export function writeFragmentHeader(
  bytes: Uint8Array,
  at: number,
  stream: number,
  offset: number,
  total: number,
): void {
  bytes[at] = FrameKind.Fragment;
  bytes[at + 1] = 0;
  writeU16LE(bytes, at + 2, stream);
  writeI32LE(bytes, at + 4, offset);
  writeI32LE(bytes, at + 8, total);
}

/** Verb of a request, status of a reply, stream of a fragment. */
export function frameWord(bytes: Uint8Array, at: number): number {
  return readU16LE(bytes, at + 2);
}

/** Id of a request or reply; unsigned. */
export function frameId(bytes: Uint8Array, at: number): number {
  return readU32LE(bytes, at + 4);
}

/** Deadline of a request on a clock that shows `nowMs`. */
export function requestDeadlineMs(bytes: Uint8Array, at: number, nowMs: number): number {
  const remainingMs = readU32LE(bytes, at + 8);
  return remainingMs === NO_DEADLINE ? Infinity : nowMs + remainingMs;
}

/** Puts fragments together: one per link. Memory is taken when a stream's first piece arrives and given on with the last. */
export class FragmentAssembler {
  readonly #streams: Map<number, { readonly bytes: Uint8Array; received: number }>;

  constructor() {
    this.#streams = new Map();
  }

  /** Streams that have begun and not ended. */
  get openCount(): number {
    return this.#streams.size;
  }

  /** Takes the fragment in bytes[start, end); returns the whole frame when it was the last. The caller owns it then. */
  add(bytes: Uint8Array, start: number, end: number): Uint8Array | undefined {
    const number = frameWord(bytes, start);
    const offset = readU32LE(bytes, start + 4);
    const total = readU32LE(bytes, start + 8);
    const length = end - start - FRAGMENT_HEADER_BYTES;
    assert(length > 0, 'a fragment holds something');
    let stream = this.#streams.get(number);
    if (stream === undefined) {
      assert(offset === 0, 'a stream begins with its first piece');
      assert(total <= MAX_MESSAGE_BYTES + REQUEST_HEADER_BYTES, 'a message is within the limit');
      stream = { bytes: new Uint8Array(total), received: 0 };
      this.#streams.set(number, stream);
    }
    assert(total === stream.bytes.length && offset === stream.received, 'the pieces of a stream come in order');
    assert(offset + length <= total, 'a stream has its total of bytes');
    stream.bytes.set(bytes.subarray(start + FRAGMENT_HEADER_BYTES, end), offset);
    stream.received += length;
    if (stream.received < total) return undefined;
    this.#streams.delete(number);
    return stream.bytes;
  }
}
