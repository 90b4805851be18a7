import { assert } from '../../core/assert.ts';
import { ByteWriter, readI32BE } from '../../core/bytes.ts';
import { decodeError } from '../../core/error-codec.ts';
import { OverloadedError, TesseraError } from '../../core/errors.ts';
import { Metric, type Metrics } from '../../core/metrics.ts';
import type { Clock } from '../../core/ports/clock.ts';
import { type Mailbox, MailClass, type Reply, type ThreadId } from '../../core/ports/mailbox.ts';
import { HEADER_LENGTH, Opcode } from '../../cql/protocol/envelope.ts';
import { ErrorCode } from '../../cql/protocol/error.ts';
import { BodyReader } from '../../cql/protocol/value.ts';
import { Verb } from '../verbs.ts';
import { decodeForward, encodeForward } from './forward.ts';
import type { ServerLimits } from './limits.ts';
import type { PendingRequest } from './pending-request.ts';
import type { PreparedCache } from './prepared-cache.ts';
import type { RequestPool } from './request-pool.ts';
import type { StatementRunner } from './statement-runner.ts';

/** Requests that another shard coordinates hold no memory here: they are charged to their connection's shard. */
const NO_CHARGE = 0;

export interface ForwarderOptions {
  readonly mailbox: Mailbox;
  readonly clock: Clock;
  readonly metrics: Metrics;
  readonly limits: ServerLimits;
  readonly cache: PreparedCache;
  readonly pool: RequestPool;
  readonly runner: StatementRunner;
}

/** Requests that another shard must coordinate: sends them there and passes the answer on; and runs those of other shards. */
export class Forwarder {
  readonly #options: ForwarderOptions;
  readonly #message: ByteWriter;
  /** Requests whose answer is to come, by the context of their call. */
  readonly #awaiting: (PendingRequest | undefined)[];
  readonly #freeContexts: number[];

  constructor(options: ForwarderOptions) {
    this.#options = options;
    this.#message = new ByteWriter(1024);
    this.#awaiting = [];
    this.#freeContexts = [];
    options.mailbox.serve(Verb.CqlForward, MailClass.Forward, this.#onForward);
  }

  /** Sends the request that is running to shard `to`, which answers it. @param untilMs undefined: the usual time */
  forward(request: PendingRequest, to: ThreadId, untilMs: number | undefined): void {
    const { runner, mailbox, clock, limits, metrics } = this.#options;
    assert(runner.current === request, 'a request is bounced while its frame is there');
    const message = this.#message;
    const { opcode, bytes, start, end } = runner;
    // A prepared statement brings its keyspace along.
    const keyspace = opcode === Opcode.Execute ? '' : request.keyspace;
    encodeForward(message, opcode, request.version, request.extensions, keyspace, bytes, start, end);
    const context = this.#freeContexts.pop() ?? this.#awaiting.length;
    this.#awaiting[context] = request;
    metrics.add(Metric.CqlRequestsForwarded, 1);
    const deadlineMs = untilMs ?? clock.monotonicMs() + limits.forwardMs;
    mailbox.call(to, Verb.CqlForward, message.bytes, 0, message.length, deadlineMs, this.#onReply, context);
  }

  readonly #onReply = (status: number, bytes: Uint8Array, start: number, end: number, context: number): void => {
    const request = this.#awaiting[context]!;
    this.#awaiting[context] = undefined;
    this.#freeContexts.push(context);
    if (status !== 0) {
      request.forwardFailed(decodeError(bytes, start, end));
      return;
    }
    if (bytes[start + 4] === Opcode.Error) this.#noteUnprepared(bytes, start, end);
    request.passOn(bytes, start, end);
  };

  /** The client will prepare it again, here: then every shard must be told again, though this one knows the statement. */
  #noteUnprepared(bytes: Uint8Array, start: number, end: number): void {
    const body = start + HEADER_LENGTH;
    if (end - body < 4 || readI32BE(bytes, body) !== ErrorCode.Unprepared) return;
    const reader = new BodyReader(bytes, body + 4, end);
    reader.skip(reader.short());
    const id = reader.shortBytesCopy();
    const statement = this.#options.cache.find(id, 0, id.length);
    if (statement !== undefined) statement.isEverywhere = false;
  }

  readonly #onForward = (
    _from: ThreadId,
    bytes: Uint8Array,
    start: number,
    end: number,
    deadlineMs: number,
    reply: Reply,
  ): void => {
    const { clock, pool, runner } = this.#options;
    const { opcode, version, extensions, keyspace, bodyStart } = decodeForward(bytes, start, end);
    if (opcode !== Opcode.Execute && opcode !== Opcode.Query && opcode !== Opcode.Batch) {
      throw new TesseraError('PROTOCOL', `opcode ${opcode} cannot be forwarded`);
    }
    if (deadlineMs < clock.monotonicMs()) throw new OverloadedError('the deadline passed before the request began');
    const request = pool.take();
    request.begin(undefined, reply, version, 0, extensions, keyspace, NO_CHARGE);
    runner.run(request, opcode, bytes, bodyStart, end);
  };
}
