import { readU16LE } from '../core/bytes.ts';
import { type Log, LogLevel } from '../core/ports/log.ts';
import { MAIN_THREAD, type Mailbox, MailClass, type ReplyHandler, type ThreadId } from '../core/ports/mailbox.ts';
import { Verb } from './verbs.ts';

/** Lines under way to the main thread; more are dropped and counted, so that a talkative shard never waits for its log. */
const MAX_IN_FLIGHT = 64;
/** A longer message is cut: it has to fit beside others into the ring. */
const MAX_MESSAGE_BYTES = 8 * 1024;

/** The log of a shard: lines go through the ring to the main thread, which writes them in the order of arrival. */
export class ThreadLog implements Log {
  readonly #mailbox: Mailbox;
  readonly #lowest: LogLevel;
  #inFlight = 0;
  #dropped = 0;

  constructor(mailbox: Mailbox, lowest: LogLevel) {
    this.#mailbox = mailbox;
    this.#lowest = lowest;
  }

  write(level: LogLevel, module: string, message: string): void {
    if (level < this.#lowest) return;
    if (this.#inFlight >= MAX_IN_FLIGHT) {
      this.#dropped++;
      return;
    }
    if (this.#dropped > 0) {
      const dropped = this.#dropped;
      this.#dropped = 0;
      this.#send(LogLevel.Warn, 'log', `${dropped} lines dropped`);
    }
    this.#send(level, module, message);
  }

  #send(level: LogLevel, module: string, message: string): void {
    const name = Buffer.from(module);
    const text = Buffer.from(message).subarray(0, MAX_MESSAGE_BYTES);
    const frame = Buffer.alloc(3 + name.length + text.length);
    frame[0] = level;
    frame.writeUInt16LE(name.length, 1);
    name.copy(frame, 3);
    text.copy(frame, 3 + name.length);
    this.#inFlight++;
    this.#mailbox.call(MAIN_THREAD, Verb.Log, frame, 0, frame.length, Number.POSITIVE_INFINITY, this.#onReply);
  }

  readonly #onReply: ReplyHandler = (status) => {
    this.#inFlight--;
    if (status !== 0) this.#dropped++;
  };
}

/** The main thread's end: hands each line to `write`. */
export function serveLog(
  mailbox: Mailbox,
  write: (level: LogLevel, thread: ThreadId, module: string, message: string) => void,
): void {
  mailbox.serve(Verb.Log, MailClass.Control, (from, bytes, start, end, _deadlineMs, reply) => {
    const moduleEnd = start + 3 + readU16LE(bytes, start + 1);
    const text = (a: number, b: number) => Buffer.from(bytes.buffer, bytes.byteOffset + a, b - a).toString();
    write(bytes[start] as LogLevel, from, text(start + 3, moduleEnd), text(moduleEnd, end));
    reply.ok(bytes, start, start);
  });
}
