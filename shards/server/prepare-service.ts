import { decodeError } from '../../core/error-codec.ts';
import { InvalidRequestError, ProtocolError, TesseraError } from '../../core/errors.ts';
import { Metric, type Metrics } from '../../core/metrics.ts';
import type { Clock } from '../../core/ports/clock.ts';
import { type Mailbox, MailClass, type Reply, type ThreadId } from '../../core/ports/mailbox.ts';
import type { Tasks } from '../../core/ports/tasks.ts';
import type { Schema } from '../../core/schema/keyspace.ts';
import type { StatementPlan } from '../../cql/plan/plan.ts';
import { type Hash, statementId } from '../../cql/protocol/statement-id.ts';
import { Verb } from '../verbs.ts';
import type { ServerLimits } from './limits.ts';
import type { PendingRequest } from './pending-request.ts';
import { type PreparedCache, PreparedStatement } from './prepared-cache.ts';

/** How long to wait for a shard that has another version of the schema: it is about to switch. */
const SCHEMA_RETRY_MS = 10;
const OTHER_SCHEMA = 'OTHER_SCHEMA';

/** Plans a statement against this shard's schema. `keyspace` is '' for none in use. @throws TesseraError */
export type Planner = (text: string, keyspace: string) => StatementPlan;

export interface PrepareServiceOptions {
  readonly self: ThreadId;
  readonly shardCount: number;
  readonly mailbox: Mailbox;
  readonly clock: Clock;
  readonly tasks: Tasks;
  readonly metrics: Metrics;
  readonly limits: ServerLimits;
  readonly cache: PreparedCache;
  readonly planner: Planner;
  readonly md5: Hash;
  readonly schema: () => Schema;
  readonly reportBug: (error: unknown) => void;
}

/** A statement on its way to the other shards. */
interface Broadcast {
  readonly statement: PreparedStatement;
  readonly schemaVersion: string;
  readonly deadlineMs: number;
  readonly waiters: PendingRequest[];
  outstanding: number;
  isOtherSchema: boolean;
  error: TesseraError | undefined;
}

/** What the other shards are told. */
interface PrepareMessage {
  readonly keyspace: string;
  readonly text: string;
  readonly schemaVersion: string;
}

/**
 * PREPARE: plans the statement, tells every other shard, and answers when all of them know it, since the client executes it on
 * its connections to any of them (settled question 16). Every shard plans for itself, against the same version of the
 * schema: with different ones, rows would not be of the shape that the client was told.
 */
export class PrepareService {
  readonly #options: PrepareServiceOptions;
  readonly #broadcasts: Map<PreparedStatement, Broadcast>;

  constructor(options: PrepareServiceOptions) {
    this.#options = options;
    this.#broadcasts = new Map();
    options.mailbox.serve(Verb.Prepare, MailClass.Control, this.#onPrepare);
  }

  /** Answers `request`, now or later. */
  prepare(request: PendingRequest, text: string): void {
    const { clock, limits, metrics } = this.#options;
    metrics.add(Metric.StatementsPrepared, 1);
    this.#prepareFor([request], request.keyspace, text, clock.monotonicMs() + limits.prepareMs);
  }

  #prepareFor(waiters: readonly PendingRequest[], keyspace: string, text: string, deadlineMs: number): void {
    let statement: PreparedStatement;
    try {
      statement = this.#remember(keyspace, text);
    } catch (error) {
      for (const waiter of waiters) waiter.failed(error);
      return;
    }
    if (statement.isEverywhere || this.#options.shardCount === 1) {
      for (const waiter of waiters) waiter.prepared(statement);
      return;
    }
    const under = this.#broadcasts.get(statement);
    if (under === undefined) this.#broadcast(statement, waiters, deadlineMs);
    else under.waiters.push(...waiters);
  }

  /** The statement as this shard knows it, planned now if it did not. */
  #remember(keyspace: string, text: string): PreparedStatement {
    const { cache, md5, planner } = this.#options;
    const id = statementId(keyspace, text, md5);
    const known = cache.find(id, 0, id.length);
    if (known === undefined) {
      const statement = new PreparedStatement(id, keyspace, text, planner(text, keyspace), md5);
      cache.add(statement);
      return statement;
    }
    if (known.keyspace !== keyspace || known.text !== text) {
      throw new InvalidRequestError('The id of this statement belongs to another one: change its text');
    }
    return known;
  }

  #broadcast(statement: PreparedStatement, waiters: readonly PendingRequest[], deadlineMs: number): void {
    const { self, shardCount, mailbox, schema } = this.#options;
    const schemaVersion = schema().version;
    const broadcast: Broadcast = {
      statement,
      schemaVersion,
      deadlineMs,
      waiters: [...waiters],
      outstanding: shardCount - 1,
      isOtherSchema: false,
      error: undefined,
    };
    this.#broadcasts.set(statement, broadcast);
    const { keyspace, text } = statement;
    const message: PrepareMessage = { keyspace, text, schemaVersion };
    const bytes = Buffer.from(JSON.stringify(message));
    const onReply = (status: number, reply: Uint8Array, start: number, end: number): void => {
      if (status !== 0) noteFailure(broadcast, decodeError(reply, start, end));
      if (--broadcast.outstanding === 0) this.#finish(broadcast);
    };
    for (let shard = 0; shard < shardCount; shard++) {
      if (shard !== self) mailbox.call(shard, Verb.Prepare, bytes, 0, bytes.length, deadlineMs, onReply);
    }
  }

  #finish(broadcast: Broadcast): void {
    const { clock, tasks, schema } = this.#options;
    const { statement, waiters, deadlineMs, error } = broadcast;
    this.#broadcasts.delete(statement);
    if (error !== undefined) {
      for (const waiter of waiters) waiter.failed(error);
      return;
    }
    // The schema changed here or there: what was planned may be of another shape by now.
    if (broadcast.isOtherSchema || broadcast.schemaVersion !== schema().version) {
      if (clock.monotonicMs() + SCHEMA_RETRY_MS >= deadlineMs) {
        for (const waiter of waiters) waiter.failed(tooLate());
        return;
      }
      const { keyspace, text } = statement;
      tasks.setTimer(SCHEMA_RETRY_MS, () => this.#prepareFor(waiters, keyspace, text, deadlineMs));
      return;
    }
    // Even if it was evicted meanwhile: that costs the client an UNPREPARED, not more.
    statement.isEverywhere = true;
    for (const waiter of waiters) waiter.prepared(statement);
  }

  readonly #onPrepare = (
    _from: ThreadId,
    bytes: Uint8Array,
    start: number,
    end: number,
    _deadlineMs: number,
    reply: Reply,
  ): void => {
    const { schema, reportBug } = this.#options;
    const message = parseMessage(bytes, start, end);
    if (message.schemaVersion !== schema().version) {
      reply.fail(new TesseraError(OTHER_SCHEMA, 'this shard has another version of the schema'));
      return;
    }
    try {
      this.#remember(message.keyspace, message.text);
    } catch (error) {
      if (error instanceof TesseraError) throw error;
      reportBug(error); // of planning: it must not end the shard
      throw new TesseraError('INTERNAL', 'the statement could not be planned');
    }
    reply.ok(bytes, start, start);
  };
}

function noteFailure(broadcast: Broadcast, error: TesseraError): void {
  if (error.code === OTHER_SCHEMA) broadcast.isOtherSchema = true;
  else broadcast.error ??= error.code === 'READ_TIMEOUT' ? tooLate() : error;
}

function tooLate(): TesseraError {
  return new TesseraError('PREPARE_TIMEOUT', 'The statement could not be prepared on every shard in time');
}

/** @throws ProtocolError for JSON of another form */
function parseMessage(bytes: Uint8Array, start: number, end: number): PrepareMessage {
  // A copy: the bytes may lie in memory that other threads write.
  const message = JSON.parse(Buffer.from(bytes.subarray(start, end)).toString()) as PrepareMessage | null;
  const { keyspace, text, schemaVersion } = message ?? {};
  if (typeof keyspace !== 'string' || typeof text !== 'string' || typeof schemaVersion !== 'string') {
    throw new ProtocolError('a statement from another shard has another form');
  }
  return { keyspace, text, schemaVersion };
}
