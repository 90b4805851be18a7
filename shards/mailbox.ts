import { assert } from '../core/assert.ts';
import { ByteWriter } from '../core/bytes.ts';
import { encodeError } from '../core/error-codec.ts';
import { InvalidRequestError, NotReadyError, OverloadedError, ReadTimeoutError, TesseraError } from '../core/errors.ts';
import { Metric, type Metrics } from '../core/metrics.ts';
import type { Clock } from '../core/ports/clock.ts';
import type { Bell, FrameHandler, LinkReceiver, LinkSender } from '../core/ports/link.ts';
import {
  MAIL_CLASS_COUNT,
  type Mailbox,
  type MailClass,
  mailClassOf,
  type Reply,
  type ReplyHandler,
  type RequestHandler,
  type ThreadId,
} from '../core/ports/mailbox.ts';
import type { Tasks } from '../core/ports/tasks.ts';
import { CallSlots } from './call-slots.ts';
import { Deadlines } from './deadlines.ts';
import { Gate } from './gate.ts';
import { LoopbackLink } from './loopback-link.ts';
import {
  FragmentAssembler,
  FrameKind,
  frameId,
  frameWord,
  MAX_MESSAGE_BYTES,
  REPLY_HEADER_BYTES,
  REQUEST_HEADER_BYTES,
  requestDeadlineMs,
} from './mail-frame.ts';
import { FlushState, Outbox, type OutboxLimits } from './outbox.ts';
import { VERB_LIMIT, Verb } from './verbs.ts';

/** Frames taken from one peer before the others get their turn. */
const FRAMES_PER_DRAIN = 256;
/** Looks at all links within one turn end; what comes later waits for the next turn, so that sockets are not starved. */
const ROUNDS_PER_TURN = 4;

const STATUS_OK = 0;
const STATUS_ERROR = 1;

/** Requests in flight per (peer, class), by class number. */
export const DEFAULT_CREDITS: readonly number[] = [4096, 4096, 1024, 256, 64];

/** The way to a peer and back. */
export interface MailPeer {
  readonly thread: ThreadId;
  readonly sender: LinkSender;
  readonly receiver: LinkReceiver;
}

export interface MailboxOptions extends Partial<OutboxLimits> {
  readonly self: ThreadId;
  readonly peers: readonly MailPeer[];
  readonly bell: Bell;
  readonly clock: Clock;
  readonly tasks: Tasks;
  readonly metrics: Metrics;
  readonly credits?: readonly number[];
}

/** What the mailbox holds per peer; the thread itself is one. */
class Peer {
  readonly index: number;
  readonly thread: ThreadId;
  readonly receiver: LinkReceiver;
  readonly outbox: Outbox;
  readonly assembler: FragmentAssembler;
  readonly credits: Int32Array;
  readonly onFrame: FrameHandler;

  constructor(
    index: number,
    thread: ThreadId,
    receiver: LinkReceiver,
    outbox: Outbox,
    credits: readonly number[],
    onFrame: (peer: Peer, bytes: Uint8Array, start: number, end: number) => void,
  ) {
    this.index = index;
    this.thread = thread;
    this.receiver = receiver;
    this.outbox = outbox;
    this.assembler = new FragmentAssembler();
    this.credits = Int32Array.from(credits);
    this.onFrame = (bytes, start, end) => onFrame(this, bytes, start, end);
  }
}

/** A call that failed before it was sent; its handler is told at the turn end. */
interface Failure {
  readonly handler: ReplyHandler;
  readonly context: number;
  readonly error: TesseraError;
}

/**
 * Request and reply over links (`core/ports/mailbox.ts`).
 *
 * All work is done at turn ends: a call or reply writes its frame into the link at once, and the turn end publishes every link that
 * was written, moves what waited for room, and drains the links. The doorbell and the first call of a turn ask for that
 * turn end. When it leaves nothing to do, the thread is announced as asleep and the links are looked at once more.
 *
 * Memory is bounded: requests in flight by credits, queued bytes per peer by two limits, messages by MAX_MESSAGE_BYTES. A request that
 * finds no credit or no room fails with OVERLOADED. A reply that finds no room is replaced by an error that hides the
 * outcome, for its work is done. A request's credit comes back with its reply, not with its deadline.
 *
 * The time is read once a turn: deadlines are off by as much as the turn lasts.
 */
export class LinkMailbox implements Mailbox {
  readonly self: ThreadId;
  readonly #bell: Bell;
  readonly #clock: Clock;
  readonly #tasks: Tasks;
  readonly #metrics: Metrics;
  readonly #peers: Peer[];
  readonly #peerOf: (Peer | undefined)[];
  readonly #handlers: (RequestHandler | undefined)[];
  readonly #calls: CallSlots;
  readonly #deadlines: Deadlines;
  readonly #gate: Gate;
  readonly #encoded: ByteWriter;
  #failures: Failure[];
  /** The peer that is drained first in the next round. */
  #firstPeer: number;
  /** Time of this turn; -1 until it is read. */
  #nowMs: number;
  #isTurnEndAsked: boolean;

  constructor(options: MailboxOptions) {
    this.self = options.self;
    this.#bell = options.bell;
    this.#clock = options.clock;
    this.#tasks = options.tasks;
    this.#metrics = options.metrics;
    this.#peers = [];
    this.#peerOf = [];
    this.#handlers = new Array(VERB_LIMIT).fill(undefined);
    this.#calls = new CallSlots();
    this.#deadlines = new Deadlines(options.clock, options.tasks, this.#calls.capacity, this.#onDeadline);
    this.#gate = new Gate(`mailbox of thread ${options.self}`);
    this.#encoded = new ByteWriter(512);
    this.#failures = [];
    this.#firstPeer = 0;
    this.#nowMs = -1;
    this.#isTurnEndAsked = false;
    const { requestQueueBytes = MAX_MESSAGE_BYTES / 2, replyQueueBytes = MAX_MESSAGE_BYTES } = options;
    const limits = { requestQueueBytes, replyQueueBytes };
    const credits = options.credits ?? DEFAULT_CREDITS;
    assert(credits.length === MAIL_CLASS_COUNT, 'every class has credits');
    const loopback = new LoopbackLink(requestQueueBytes + replyQueueBytes);
    this.#addPeer({ thread: options.self, sender: loopback, receiver: loopback }, limits, credits, MAX_MESSAGE_BYTES);
    for (const peer of options.peers) this.#addPeer(peer, limits, credits);
    this.serve(Verb.Ping, mailClassOf(Verb.Ping), (_from, bytes, start, end, _deadlineMs, reply) =>
      reply.ok(bytes, start, end),
    );
  }

  /** Begins to serve: call it when every verb has its handler. Requests that came earlier wait in the links. */
  start(): void {
    this.wake(false);
  }

  /** Requests sent whose replies are owed. */
  get inFlight(): number {
    return this.#calls.usedCount;
  }

  /** Bytes of messages to `thread` that wait for room. */
  queuedBytes(thread: ThreadId): number {
    return this.#peerOf[thread]?.outbox.queuedBytes ?? 0;
  }

  /** Refuses new calls with NOT_READY; resolves when every reply has come. Requests of others are served as before. */
  close(): Promise<void> {
    return this.#gate.close();
  }

  serve(verb: number, mailClass: MailClass, handler: RequestHandler): void {
    assert(verb >= 0 && verb < VERB_LIMIT, 'a verb is in the table');
    assert(mailClassOf(verb) === mailClass, 'the number of a verb says its class');
    assert(this.#handlers[verb] === undefined, 'a verb has one handler');
    this.#handlers[verb] = handler;
  }

  call(
    to: ThreadId,
    verb: number,
    bytes: Uint8Array,
    start: number,
    end: number,
    deadlineMs: number,
    onReply: ReplyHandler,
    context = 0,
  ): void {
    const peer = this.#peerOf[to];
    assert(peer !== undefined, 'a call goes to a thread of this node');
    this.#askTurnEnd();
    const nowMs = this.#now();
    const mailClass = mailClassOf(verb);
    const refusal = this.#refusal(peer, mailClass, end - start, deadlineMs, nowMs);
    if (refusal !== undefined) {
      this.#failures.push({ handler: onReply, context, error: refusal });
      return;
    }
    const slot = this.#takeSlot(peer, mailClass, onReply, context);
    if (!peer.outbox.sendRequest(verb, this.#calls.idOf(slot), deadlineMs, nowMs, bytes, start, end)) {
      this.#metrics.add(Metric.MailboxOverloaded, 1);
      this.#releaseSlot(slot);
      const error = new OverloadedError(`the queue to thread ${to} is full`, { thread: to });
      this.#failures.push({ handler: onReply, context, error });
      return;
    }
    this.#metrics.add(Metric.MailboxRequests, 1);
    this.#deadlines.set(slot, deadlineMs);
  }

  /**
   * Looks at the links when this turn ends. The doorbell calls it, and who wants replies that are there already to leave with
   * this turn. @param isFallback nobody rang
   */
  wake(isFallback: boolean): void {
    const isFound = isFallback && !this.#isTurnEndAsked && (this.#hasFrames() || this.#hasRoom());
    if (isFound) this.#metrics.add(Metric.DoorbellFallbackFound, 1);
    this.#askTurnEnd();
  }

  #addPeer(peer: MailPeer, limits: OutboxLimits, credits: readonly number[], inlineBytes?: number): void {
    assert(this.#peerOf[peer.thread] === undefined, 'a thread has one link each way');
    const outbox = new Outbox(peer.sender, limits, this.#metrics, this.#onUnsent, inlineBytes);
    const added = new Peer(this.#peers.length, peer.thread, peer.receiver, outbox, credits, this.#onFrame);
    this.#peers.push(added);
    this.#peerOf[peer.thread] = added;
  }

  /** Why a call cannot be sent; nothing was done then. */
  #refusal(
    peer: Peer,
    mailClass: MailClass,
    length: number,
    deadlineMs: number,
    nowMs: number,
  ): TesseraError | undefined {
    if (!this.#gate.isOpen) return new NotReadyError(`mailbox of thread ${this.self} is closing`);
    if (length > MAX_MESSAGE_BYTES) {
      const detail = { sizeBytes: length, limitBytes: MAX_MESSAGE_BYTES };
      return new InvalidRequestError(`a message of ${length} bytes is too large`, detail);
    }
    if (peer.credits[mailClass]! <= 0) {
      this.#metrics.add(Metric.MailboxOverloaded, 1);
      return new OverloadedError(`too many requests to thread ${peer.thread}`, { thread: peer.thread, mailClass });
    }
    if (deadlineMs <= nowMs) {
      this.#metrics.add(Metric.MailboxTimeouts, 1);
      return timeoutError(peer.thread);
    }
    return undefined;
  }

  #takeSlot(peer: Peer, mailClass: MailClass, onReply: ReplyHandler, context: number): number {
    const slot = this.#calls.take(peer.index, mailClass, onReply, context);
    assert(slot >= 0, 'credits are fewer than call slots');
    this.#deadlines.grow(this.#calls.capacity);
    this.#gate.enter();
    peer.credits[mailClass]!--;
    return slot;
  }

  #releaseSlot(slot: number): void {
    const peer = this.#peers[this.#calls.peerOf(slot)]!;
    peer.credits[this.#calls.mailClassOf(slot)]!++;
    this.#calls.release(slot);
    this.#gate.leave();
  }

  #askTurnEnd(): void {
    if (this.#isTurnEndAsked) return;
    this.#isTurnEndAsked = true;
    this.#bell.awake();
    this.#tasks.atTurnEnd(this.#onTurnEnd);
  }

  readonly #onNextTurn = (): void => this.#tasks.atTurnEnd(this.#onTurnEnd);

  readonly #onTurnEnd = (): void => {
    let hasMore = true;
    let again = false;
    for (let round = 0; hasMore && round < ROUNDS_PER_TURN; round++) {
      this.#failLocally();
      this.#drain();
      again = this.#flush();
      hasMore = this.#failures.length > 0 || this.#hasFrames();
    }
    this.#nowMs = -1;
    this.#reportLevels();
    if (!hasMore && !again) {
      this.#bell.asleep();
      // Who published, or made room, before it could see that this thread sleeps did not wake it.
      if (!this.#hasFrames() && !this.#hasRoom()) {
        this.#isTurnEndAsked = false;
        return;
      }
      this.#bell.awake();
    }
    this.#tasks.nextTurn(this.#onNextTurn);
  };

  #drain(): void {
    const count = this.#peers.length;
    this.#firstPeer = (this.#firstPeer + 1) % count;
    for (let i = 0; i < count; i++) {
      const peer = this.#peers[(this.#firstPeer + i) % count]!;
      peer.receiver.drain(FRAMES_PER_DRAIN, peer.onFrame);
    }
  }

  /** Sends what waits and publishes; true when more can be sent in the next turn. */
  #flush(): boolean {
    let again = false;
    for (const peer of this.#peers) {
      const { outbox } = peer;
      if (outbox.hasQueued && outbox.flush(this.#now()) === FlushState.Again) again = true;
      if (outbox.isDirty) outbox.publish();
    }
    return again;
  }

  #hasFrames(): boolean {
    for (const peer of this.#peers) if (peer.receiver.hasFrames()) return true;
    return false;
  }

  /** True when something waits for room and there is some. */
  #hasRoom(): boolean {
    for (const peer of this.#peers) if (peer.outbox.hasQueued && !peer.outbox.mustWait()) return true;
    return false;
  }

  #failLocally(): void {
    if (this.#failures.length === 0) return;
    const failures = this.#failures;
    this.#failures = [];
    for (const { handler, context, error } of failures) this.#tellError(handler, context, error);
  }

  #tellError(handler: ReplyHandler, context: number, error: TesseraError): void {
    // Not the shared writer: the handler may make an error of its own while it reads this one.
    const writer = new ByteWriter(256);
    encodeError(error, writer);
    handler(STATUS_ERROR, writer.bytes, 0, writer.length, context);
  }

  readonly #onFrame = (peer: Peer, bytes: Uint8Array, start: number, end: number): void => {
    const kind = bytes[start];
    if (kind === FrameKind.Request) {
      this.#onRequest(peer, bytes, start, end);
    } else if (kind === FrameKind.Reply) {
      this.#onReply(peer, bytes, start, end);
    } else {
      assert(kind === FrameKind.Fragment, 'a frame is a request, a reply or a fragment');
      const whole = peer.assembler.add(bytes, start, end);
      if (whole === undefined) return;
      assert(whole[0] !== FrameKind.Fragment, 'fragments are not cut again');
      this.#onFrame(peer, whole, 0, whole.length);
    }
  };

  #onRequest(peer: Peer, bytes: Uint8Array, start: number, end: number): void {
    assert(end - start >= REQUEST_HEADER_BYTES, 'a request has its header');
    const verb = frameWord(bytes, start);
    const reply = new MailReply(this.#sendReply, peer, frameId(bytes, start));
    const handler = this.#handlers[verb];
    if (handler === undefined) {
      reply.fail(new NotReadyError(`thread ${this.self} does not serve verb ${verb}`));
      return;
    }
    const deadlineMs = requestDeadlineMs(bytes, start, this.#now());
    try {
      handler(peer.thread, bytes, start + REQUEST_HEADER_BYTES, end, deadlineMs, reply);
    } catch (error) {
      if (!(error instanceof TesseraError)) throw error; // a bug ends the thread
      reply.fail(error);
    }
  }

  readonly #sendReply = (
    peer: Peer,
    id: number,
    status: number,
    bytes: Uint8Array,
    start: number,
    end: number,
  ): void => {
    this.#askTurnEnd();
    this.#metrics.add(Metric.MailboxReplies, 1);
    let why = 'the reply found no room in the queue';
    if (end - start <= MAX_MESSAGE_BYTES) {
      if (peer.outbox.sendReply(id, status, bytes, start, end, false)) return;
    } else {
      why = `a reply of ${end - start} bytes is too large`;
    }
    this.#encoded.clear();
    encodeError(new ReadTimeoutError(why, { thread: this.self }), this.#encoded);
    peer.outbox.sendReply(id, STATUS_ERROR, this.#encoded.bytes, 0, this.#encoded.length, true);
  };

  #onReply(peer: Peer, bytes: Uint8Array, start: number, end: number): void {
    assert(end - start >= REPLY_HEADER_BYTES, 'a reply has its header');
    const slot = this.#calls.slotOf(frameId(bytes, start), peer.index);
    const handler = this.#calls.handlerOf(slot);
    const context = this.#calls.contextOf(slot);
    this.#deadlines.clear(slot);
    this.#releaseSlot(slot);
    if (handler === undefined) this.#metrics.add(Metric.MailboxLateReplies, 1);
    else handler(frameWord(bytes, start), bytes, start + REPLY_HEADER_BYTES, end, context);
  }

  readonly #onDeadline = (slot: number): void => {
    const thread = this.#peers[this.#calls.peerOf(slot)]!.thread;
    const context = this.#calls.contextOf(slot);
    this.#metrics.add(Metric.MailboxTimeouts, 1);
    this.#tellError(this.#calls.abandon(slot), context, timeoutError(thread));
  };

  /** A queued request ran into its deadline: nobody will answer it. */
  readonly #onUnsent = (id: number): void => {
    const slot = id & 0xf_ffff;
    if (this.#calls.handlerOf(slot) !== undefined) {
      this.#deadlines.clear(slot);
      this.#onDeadline(slot);
    }
    this.#releaseSlot(slot);
  };

  #now(): number {
    if (this.#nowMs < 0) this.#nowMs = this.#clock.monotonicMs();
    return this.#nowMs;
  }

  #reportLevels(): void {
    let queuedBytes = 0;
    for (const peer of this.#peers) queuedBytes += peer.outbox.queuedBytes;
    this.#metrics.set(Metric.MailboxQueuedBytes, queuedBytes);
    this.#metrics.set(Metric.MailboxInFlight, this.#calls.usedCount);
  }
}

function timeoutError(thread: ThreadId): ReadTimeoutError {
  return new ReadTimeoutError(`no answer from thread ${thread} before the deadline`, { thread });
}

type SendReply = (peer: Peer, id: number, status: number, bytes: Uint8Array, start: number, end: number) => void;

/** The duty to answer one request. */
class MailReply implements Reply {
  readonly #send: SendReply;
  readonly #peer: Peer;
  readonly #id: number;
  #isAnswered: boolean;

  constructor(send: SendReply, peer: Peer, id: number) {
    this.#send = send;
    this.#peer = peer;
    this.#id = id;
    this.#isAnswered = false;
  }

  ok(bytes: Uint8Array, start: number, end: number): void {
    this.#answer(STATUS_OK, bytes, start, end);
  }

  fail(error: Error): void {
    if (!(error instanceof TesseraError)) throw error;
    const writer = new ByteWriter(256);
    encodeError(error, writer);
    this.#answer(STATUS_ERROR, writer.bytes, 0, writer.length);
  }

  #answer(status: number, bytes: Uint8Array, start: number, end: number): void {
    assert(!this.#isAnswered, 'a request is answered once');
    this.#isAnswered = true;
    this.#send(this.#peer, this.#id, status, bytes, start, end);
  }
}
