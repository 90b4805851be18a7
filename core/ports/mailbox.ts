/**
 * Request and reply between threads of a node, later between shards of nodes: storage verbs, never CQL text.
 * Credits bound the requests in flight per (peer, class); a handler of one class waits only on classes below its own
 * (settled question 32), so that no circle of waiting can close.
 */

/** In order: a handler may wait on a class of a greater number only. */
export const MailClass = { Forward: 0, Statement: 1, Raft: 2, Control: 3, Streaming: 4 } as const;
export type MailClass = (typeof MailClass)[keyof typeof MailClass];
export const MAIL_CLASS_COUNT = 5;

/** Class of a verb: verb numbers are `class * 256 + n` (`shards/verbs.ts`). */
export function mailClassOf(verb: number): MailClass {
  return (verb >>> 8) as MailClass;
}

/** Thread of a node: shard s is s, the main thread MAIN_THREAD. */
export type ThreadId = number;
export const MAIN_THREAD: ThreadId = 255;

/**
 * Status of a reply: 0 is success, its body is the verb's answer; else the body is an encoded TesseraError
 * (`core/error-codec.ts`). The bytes are valid during the call only. `context` is the number given to `call`, so that one
 * handler can serve many requests by the index of a pooled record.
 */
export type ReplyHandler = (status: number, bytes: Uint8Array, start: number, end: number, context: number) => void;

export interface Reply {
  /** Answers once; copies the bytes. */
  ok(bytes: Uint8Array, start: number, end: number): void;
  /** Answers once with a TesseraError. Any other error is a bug and is thrown on. */
  fail(error: Error): void;
}

/**
 * Serves one verb. `bytes[start, end)` is valid during the call only. `deadlineMs` is on this thread's monotonic clock,
 * Infinity for none. Answers through `reply`, now or later, once and always; a TesseraError that it throws is the answer.
 */
export type RequestHandler = (
  from: ThreadId,
  bytes: Uint8Array,
  start: number,
  end: number,
  deadlineMs: number,
  reply: Reply,
) => void;

export interface Mailbox {
  readonly self: ThreadId;
  /** Registers the one handler of `verb` (numbers in `shards/verbs.ts`). */
  serve(verb: number, mailClass: MailClass, handler: RequestHandler): void;
  /**
   * Sends a request; `onReply` is called once, never before `call` returns: with the answer, or with status != 0 for an
   * error: OVERLOADED when credits or queue are used up and NOT_READY when closing (nothing was done), READ_TIMEOUT when
   * `deadlineMs` (this thread's monotonic clock, Infinity for none) passed, which hides the outcome.
   * Copies the bytes before it returns. Requests of up to 16 KiB to one peer are served in the order of their calls.
   */
  call(
    to: ThreadId,
    verb: number,
    bytes: Uint8Array,
    start: number,
    end: number,
    deadlineMs: number,
    onReply: ReplyHandler,
    context?: number,
  ): void;
}
