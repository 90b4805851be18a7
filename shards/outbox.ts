import { copyBytes } from '../core/bytes.ts';
import { Metric, type Metrics } from '../core/metrics.ts';
import type { LinkSender } from '../core/ports/link.ts';
import {
  FRAGMENT_HEADER_BYTES,
  INLINE_BYTES,
  REPLY_HEADER_BYTES,
  REQUEST_HEADER_BYTES,
  writeFragmentHeader,
  writeRemaining,
  writeReplyHeader,
  writeRequestHeader,
} from './mail-frame.ts';

/** Large messages whose pieces alternate; more wait for one of these to end. */
const ACTIVE_STREAMS = 16;
/** Pieces sent in one turn, so that a large message does not fill the ring in front of everything else. */
const FRAGMENTS_PER_FLUSH = 16;
/** `id` of queued replies. */
const NO_REQUEST = -1;

/** What `flush` left behind. */
export const FlushState = {
  /** Nothing waits. */
  Done: 0,
  /** Waits for room; the receiver wakes this thread. */
  Blocked: 1,
  /** More can go in the next turn. */
  Again: 2,
} as const;
export type FlushState = (typeof FlushState)[keyof typeof FlushState];

/** A whole frame that waits for room. */
interface Queued {
  readonly frame: Uint8Array;
  /** Id of a request, NO_REQUEST for a reply. */
  readonly id: number;
  readonly deadlineMs: number;
}
/** A frame that goes as fragments. */
interface Stream extends Queued {
  readonly stream: number;
  sent: number;
}

export interface OutboxLimits {
  /** Bytes of queued messages from which requests are refused. */
  readonly requestQueueBytes: number;
  /** Bytes of queued messages from which replies are refused: more than for requests, since their work is done. */
  readonly replyQueueBytes: number;
}

/**
 * The way to one peer: into the link while there is room, else into a bounded queue. Frames go in the order of their
 * sending; messages that are cut into fragments go beside them, piece by piece in turns, and leave a quarter of the link free for
 * the small ones.
 */
export class Outbox {
  /** True when the link has frames that were not published. */
  isDirty: boolean;
  readonly #sender: LinkSender;
  readonly #limits: OutboxLimits;
  readonly #metrics: Metrics;
  readonly #onUnsent: (id: number) => void;
  readonly #inlineBytes: number;
  #queue: Queued[];
  #queueHead: number;
  readonly #waitingStreams: Queued[];
  readonly #activeStreams: Stream[];
  /** Whose turn it is among the active ones. */
  #turn: number;
  #nextStream: number;
  #queuedBytes: number;

  /**
   * @param inlineBytes largest body that goes in one frame, if the link's frames hold that
   * @param onUnsent told of queued requests that were dropped because their deadline passed: the peer never hears of them
   */
  constructor(
    sender: LinkSender,
    limits: OutboxLimits,
    metrics: Metrics,
    onUnsent: (id: number) => void,
    inlineBytes: number = INLINE_BYTES,
  ) {
    this.isDirty = false;
    this.#sender = sender;
    this.#limits = limits;
    this.#metrics = metrics;
    this.#onUnsent = onUnsent;
    // A quarter of the link: with a quarter left free for small messages a piece still fits an empty link.
    const quarter = Math.floor(sender.capacityBytes / 4);
    this.#inlineBytes = Math.min(inlineBytes, Math.min(sender.maxFrameBytes, quarter) - REQUEST_HEADER_BYTES);
    this.#queue = [];
    this.#queueHead = 0;
    this.#waitingStreams = [];
    this.#activeStreams = [];
    this.#turn = 0;
    this.#nextStream = 0;
    this.#queuedBytes = 0;
  }

  /** Bytes of messages that are not in the link yet, or in part only. */
  get queuedBytes(): number {
    return this.#queuedBytes;
  }

  /** True when `flush` has something to do. */
  get hasQueued(): boolean {
    return this.#queuedBytes > 0;
  }

  /** False: the queue is full, nothing was taken. */
  sendRequest(
    verb: number,
    id: number,
    deadlineMs: number,
    nowMs: number,
    bytes: Uint8Array,
    start: number,
    end: number,
  ): boolean {
    const length = REQUEST_HEADER_BYTES + end - start;
    const at = this.#reserve(length, end - start);
    if (at >= 0) {
      const target = this.#sender.bytes;
      writeRequestHeader(target, at, verb, id, deadlineMs, nowMs);
      copyBytes(bytes, start, end, target, at + REQUEST_HEADER_BYTES);
      return true;
    }
    if (!this.#hasQueueRoom(length, this.#limits.requestQueueBytes)) return false;
    const frame = new Uint8Array(length);
    writeRequestHeader(frame, 0, verb, id, deadlineMs, nowMs);
    copyBytes(bytes, start, end, frame, REQUEST_HEADER_BYTES);
    this.#enqueue({ frame, id, deadlineMs }, end - start);
    return true;
  }

  /** False: the queue is full, nothing was taken. @param isForced take it all the same: for small errors only */
  sendReply(id: number, status: number, bytes: Uint8Array, start: number, end: number, isForced: boolean): boolean {
    const length = REPLY_HEADER_BYTES + end - start;
    const at = this.#reserve(length, end - start);
    if (at >= 0) {
      const target = this.#sender.bytes;
      writeReplyHeader(target, at, status, id);
      copyBytes(bytes, start, end, target, at + REPLY_HEADER_BYTES);
      return true;
    }
    if (!isForced && !this.#hasQueueRoom(length, this.#limits.replyQueueBytes)) return false;
    const frame = new Uint8Array(length);
    writeReplyHeader(frame, 0, status, id);
    copyBytes(bytes, start, end, frame, REPLY_HEADER_BYTES);
    this.#enqueue({ frame, id: NO_REQUEST, deadlineMs: Infinity }, end - start);
    return true;
  }

  publish(): void {
    this.isDirty = false;
    this.#sender.publish();
  }

  /** Moves what waits into the link, as far as it goes. */
  flush(nowMs: number): FlushState {
    if (!this.#flushQueue(nowMs)) return this.#awaitRoom();
    for (let sent = 0; this.#startStreams(nowMs); sent++) {
      if (sent === FRAGMENTS_PER_FLUSH) return FlushState.Again;
      if (!this.#sendFragment()) return this.#awaitRoom();
    }
    return FlushState.Done;
  }

  /** False when the receiver has made room since `flush`; else it will wake this thread. */
  mustWait(): boolean {
    return this.#sender.awaitRoom();
  }

  #reserve(length: number, bodyLength: number): number {
    if (this.#queueHead < this.#queue.length || bodyLength > this.#inlineBytes) return -1;
    const at = this.#sender.reserve(length);
    if (at < 0) this.#metrics.add(Metric.RingFull, 1);
    else this.isDirty = true;
    return at;
  }

  #hasQueueRoom(length: number, limit: number): boolean {
    // Into an empty queue anything may go: else a limit below the largest message would refuse it for ever.
    return this.#queuedBytes === 0 || this.#queuedBytes + length <= limit;
  }

  #enqueue(queued: Queued, bodyLength: number): void {
    this.#queuedBytes += queued.frame.length;
    if (bodyLength > this.#inlineBytes) this.#waitingStreams.push(queued);
    else this.#queue.push(queued);
  }

  /** Sends whole frames, oldest first; true when none is left. */
  #flushQueue(nowMs: number): boolean {
    while (this.#queueHead < this.#queue.length) {
      const queued = this.#queue[this.#queueHead]!;
      if (!this.#dropIfLate(queued, nowMs)) {
        if (queued.id !== NO_REQUEST) writeRemaining(queued.frame, 0, queued.deadlineMs, nowMs);
        if (!this.#sender.send(queued.frame, 0, queued.frame.length)) return false;
        this.isDirty = true;
        this.#queuedBytes -= queued.frame.length;
      }
      this.#queueHead++;
      if (this.#queueHead === this.#queue.length || this.#queueHead >= 1024) {
        this.#queue = this.#queue.slice(this.#queueHead);
        this.#queueHead = 0;
      }
    }
    return true;
  }

  #dropIfLate(queued: Queued, nowMs: number): boolean {
    if (queued.deadlineMs > nowMs) return false;
    this.#queuedBytes -= queued.frame.length;
    this.#onUnsent(queued.id);
    return true;
  }

  /** Lets waiting streams begin; true when any is active. */
  #startStreams(nowMs: number): boolean {
    while (this.#activeStreams.length < ACTIVE_STREAMS) {
      const queued = this.#waitingStreams.shift();
      if (queued === undefined) break;
      if (this.#dropIfLate(queued, nowMs)) continue;
      if (queued.id !== NO_REQUEST) writeRemaining(queued.frame, 0, queued.deadlineMs, nowMs);
      do this.#nextStream = (this.#nextStream + 1) & 0xffff;
      while (this.#activeStreams.some((active) => active.stream === this.#nextStream));
      this.#activeStreams.push({ ...queued, stream: this.#nextStream, sent: 0 });
    }
    return this.#activeStreams.length > 0;
  }

  /** Sends the next piece of the stream whose turn it is; false when the link has no room for it. */
  #sendFragment(): boolean {
    if (this.#turn >= this.#activeStreams.length) this.#turn = 0;
    const stream = this.#activeStreams[this.#turn]!;
    const total = stream.frame.length;
    const length = Math.min(this.#inlineBytes, total - stream.sent);
    if (this.#sender.freeBytes() - length < this.#sender.capacityBytes / 4) return false;
    const at = this.#sender.reserve(FRAGMENT_HEADER_BYTES + length);
    if (at < 0) return false;
    const target = this.#sender.bytes;
    writeFragmentHeader(target, at, stream.stream, stream.sent, total);
    copyBytes(stream.frame, stream.sent, stream.sent + length, target, at + FRAGMENT_HEADER_BYTES);
    this.isDirty = true;
    this.#metrics.add(Metric.MailboxFragments, 1);
    stream.sent += length;
    if (stream.sent === total) {
      this.#activeStreams.splice(this.#turn, 1);
      this.#queuedBytes -= total;
    } else {
      this.#turn++;
    }
    return true;
  }

  #awaitRoom(): FlushState {
    this.#metrics.add(Metric.RingFull, 1);
    return this.#sender.awaitRoom() ? FlushState.Blocked : FlushState.Again;
  }
}
