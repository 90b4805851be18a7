import { NotReadyError, OverloadedError, TesseraError } from '../../core/errors.ts';
import { Metric, type Metrics } from '../../core/metrics.ts';
import type { ThreadId } from '../../core/ports/mailbox.ts';
import { isCompressed, uncompressBody } from '../../cql/protocol/compress.ts';
import { checkOpcode, closesConnection, EnvelopeFlag, Opcode } from '../../cql/protocol/envelope.ts';
import { writeError } from '../../cql/protocol/error.ts';
import { OutputBuffer } from '../../cql/protocol/output-buffer.ts';
import { messageStart } from '../../cql/protocol/request.ts';
import { RowsResponse } from '../../cql/protocol/response.ts';
import type { Connection } from './connection.ts';
import type { Handshake } from './handshake.ts';
import type { ServerLimits } from './limits.ts';
import type { PendingRequest, RequestHost } from './pending-request.ts';
import type { RequestMemory } from './request-memory.ts';
import { RequestPool } from './request-pool.ts';
import type { StatementRunner } from './statement-runner.ts';

export interface DispatcherOptions {
  readonly limits: ServerLimits;
  readonly memory: RequestMemory;
  readonly metrics: Metrics;
  readonly handshake: Handshake;
  readonly reportBug: (error: unknown) => void;
}

/** Where a request goes that another shard must coordinate. */
export type Forward = (request: PendingRequest, to: ThreadId, deadlineMs: number | undefined) => void;

/**
 * Frames to requests: admits them, counts them, and gives each to who answers it. Requests that hold statements are counted and
 * limited; OPTIONS, STARTUP, AUTH_RESPONSE and REGISTER always pass.
 */
export class Dispatcher implements RequestHost {
  readonly scratch: OutputBuffer;
  readonly rowsResponse: RowsResponse;
  readonly pool: RequestPool;
  readonly reportBug: (error: unknown) => void;
  readonly #limits: ServerLimits;
  readonly #memory: RequestMemory;
  readonly #metrics: Metrics;
  readonly #handshake: Handshake;
  #runner: StatementRunner | undefined;
  #forward: Forward | undefined;
  /** Requests of this shard's clients under way. */
  #clientRequests: number;
  #isDraining: boolean;
  #drained: PromiseWithResolvers<void> | undefined;

  constructor(options: DispatcherOptions) {
    this.scratch = new OutputBuffer();
    this.rowsResponse = new RowsResponse();
    this.pool = new RequestPool(this);
    this.reportBug = options.reportBug;
    this.#limits = options.limits;
    this.#memory = options.memory;
    this.#metrics = options.metrics;
    this.#handshake = options.handshake;
    this.#runner = undefined;
    this.#forward = undefined;
    this.#clientRequests = 0;
    this.#isDraining = false;
    this.#drained = undefined;
  }

  /** Completes the circle: both answer through this dispatcher's records. Called once, before the first frame. */
  connect(runner: StatementRunner, forward: Forward): void {
    this.#runner = runner;
    this.#forward = forward;
  }

  get clientRequests(): number {
    return this.#clientRequests;
  }

  /** The largest body that may be received now. */
  readonly bodyLimit = (): number => {
    if (this.#clientRequests >= this.#limits.maxConcurrentRequests) return this.#memory.leastBodyLimit;
    return this.#memory.bodyLimit(this.#limits.maxFrameBytes);
  };

  /** Refuses further requests with NOT_READY; resolves when none is under way. */
  drain(): Promise<void> {
    this.#isDraining = true;
    this.#drained ??= Promise.withResolvers<void>();
    if (this.pool.openCount === 0) this.#drained.resolve();
    return this.#drained.promise;
  }

  /** A whole frame lies in the connection's splitter. */
  readonly onFrame = (connection: Connection): void => {
    const { splitter } = connection;
    const { version, opcode, stream, flags } = splitter;
    try {
      checkOpcode(opcode, connection.phase);
      const isStatement =
        opcode === Opcode.Execute || opcode === Opcode.Query || opcode === Opcode.Batch || opcode === Opcode.Prepare;
      if (isStatement) this.#admit(connection);
      let { bytes, bodyStart: start, bodyEnd: end } = splitter;
      if (isCompressed(flags)) {
        bytes = uncompressBody(bytes, start, end, connection.compressor, this.#limits.maxFrameBytes);
        start = 0;
        end = bytes.length;
      }
      if ((flags & EnvelopeFlag.CustomPayload) !== 0) start = messageStart(bytes, start, end, version, flags);
      if (isStatement) {
        const request = this.#begin(connection, version, stream, end - start);
        this.#runner!.run(request, opcode, bytes, start, end);
      } else {
        this.#handshake.handle(connection, opcode, bytes, start, end);
      }
    } catch (error) {
      if (!(error instanceof TesseraError)) throw error;
      this.#metrics.add(Metric.CqlErrors, 1);
      writeError(connection.output(), version, stream, error);
      if (closesConnection(error)) connection.end();
    }
  };

  forward(request: PendingRequest, to: ThreadId, deadlineMs: number | undefined): void {
    this.#forward!(request, to, deadlineMs);
  }

  ended(request: PendingRequest, isError: boolean, isOfClient: boolean): void {
    if (isOfClient) {
      this.#clientRequests--;
      this.#memory.releaseRequest(request.chargedBytes);
      this.#metrics.add(Metric.CqlRequestsServed, 1);
      this.#metrics.set(Metric.CqlRequestsServing, this.#clientRequests);
    }
    if (isError) this.#metrics.add(Metric.CqlErrors, 1);
    this.pool.give(request);
    if (this.#isDraining && this.pool.openCount === 0) this.#drained?.resolve();
  }

  /** @throws OverloadedError, NotReadyError; nothing of the body was looked at */
  #admit(connection: Connection): void {
    if (this.#isDraining) throw new NotReadyError('the node is shutting down');
    const { maxConcurrentRequests, maxRequestsPerConnection } = this.#limits;
    if (this.#clientRequests >= maxConcurrentRequests) {
      this.#metrics.add(Metric.CqlRequestsShed, 1);
      throw new OverloadedError(`too many requests in flight on this shard: ${maxConcurrentRequests}`);
    }
    if (connection.inFlight >= maxRequestsPerConnection) {
      this.#metrics.add(Metric.CqlRequestsShed, 1);
      throw new OverloadedError(`too many requests in flight on this connection: ${maxRequestsPerConnection}`);
    }
  }

  #begin(connection: Connection, version: number, stream: number, bodyBytes: number): PendingRequest {
    const request = this.pool.take();
    const charge = this.#memory.estimate(bodyBytes);
    request.begin(connection, undefined, version, stream, connection.extensions, connection.keyspace, charge);
    connection.inFlight++;
    this.#clientRequests++;
    this.#memory.chargeRequest(charge);
    return request;
  }
}
