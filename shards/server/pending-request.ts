import { assert } from '../../core/assert.ts';
import type { ByteWriter } from '../../core/bytes.ts';
import { OverloadedError, TesseraError, WriteTimeoutError } from '../../core/errors.ts';
import type { Reply, ThreadId } from '../../core/ports/mailbox.ts';
import type { BatchPlan, ResultColumn, StatementPlan } from '../../cql/plan/plan.ts';
import { PlanKind } from '../../cql/plan/plan.ts';
import { BatchType } from '../../cql/protocol/batch-request.ts';
import type { BodyCompressor } from '../../cql/protocol/compress.ts';
import { Consistency } from '../../cql/protocol/consistency.ts';
import { EnvelopeFlag, HEADER_LENGTH } from '../../cql/protocol/envelope.ts';
import { type WriteType, writeError } from '../../cql/protocol/error.ts';
import type { SchemaChange } from '../../cql/protocol/event.ts';
import { ColumnMetadata } from '../../cql/protocol/metadata.ts';
import type { OutputBuffer, ResponseLead } from '../../cql/protocol/output-buffer.ts';
import type { QueryParameters } from '../../cql/protocol/query-parameters.ts';
import {
  type ResponseHead,
  type RowsResponse,
  writePrepared,
  writeSchemaChangeResult,
  writeSetKeyspace,
  writeVoid,
  writeVoidResult,
} from '../../cql/protocol/response.ts';
import { copyRange } from '../../cql/protocol/value.ts';
import { AbortCode } from '../request-scope.ts';
import type { PreparedStatement } from './prepared-cache.ts';
import type { Completion, RequestOptions } from './request-executor.ts';

const NO_PAYLOAD: ReadonlyMap<string, Uint8Array> = new Map();
const NO_WARNINGS: readonly string[] = [];

/** The connection of a request, as far as its answer needs it. */
export interface RequestSource {
  /** False once nothing can be sent any more: answers are dropped then. */
  readonly canWrite: boolean;
  readonly compressor: BodyCompressor | undefined;
  /** Where the answers of this turn go. */
  output(): OutputBuffer;
  /** The keyspace in use, for later requests. */
  keyspace: string;
  /** Its requests under way. */
  inFlight: number;
}

/** What a request asks of the server while it is under way. */
export interface RequestHost {
  /** Called once per request, after it was answered: the record is the host's again. `isOfClient`: it came from a connection. */
  ended(request: PendingRequest, isError: boolean, isOfClient: boolean): void;
  /** Another shard must coordinate the request that is being executed. */
  forward(request: PendingRequest, to: ThreadId, deadlineMs: number | undefined): void;
  /** An error that is a bug: the client is told its kind only. @throws AssertionError if it is one */
  reportBug(error: unknown): void;
  /** For the answers of requests that came from other shards. */
  readonly scratch: OutputBuffer;
  readonly rowsResponse: RowsResponse;
}

/**
 * A request under way, from its frame to its answer: what the executor is told, and where its answer goes. Records are pooled;
 * one of a point operation costs no object.
 *
 * States: free (in the pool) -> open (`begin`) -> ended (answered; back in the pool).
 */
export class PendingRequest implements Completion, RequestOptions {
  readonly #host: RequestHost;
  /** False while the record is in the pool. */
  isOpen: boolean;
  /** The client's connection; undefined for a request that another shard sent, which has `reply`. */
  source: RequestSource | undefined;
  reply: Reply | undefined;
  version: number;
  stream: number;
  /** Bits of Extension that the connection agreed on. */
  extensions: number;
  /** What it was charged with. */
  chargedBytes: number;

  consistency: Consistency;
  serialConsistency: Consistency;
  pageSize: number;
  pagingState: Uint8Array | undefined;
  hasTimestamp: boolean;
  timestampHi: number;
  timestampLo: number;
  keyspace: string;
  text: string;
  isBounced: boolean;

  /** The prepared statement that is executed, if it is one. */
  statement: PreparedStatement | undefined;
  skipsMetadata: boolean;
  /** The client holds other result metadata than the statement has now. */
  hasNewMetadata: boolean;
  isWrite: boolean;
  writeType: WriteType;

  constructor(host: RequestHost) {
    this.#host = host;
    this.isOpen = false;
    this.source = undefined;
    this.reply = undefined;
    this.version = 4;
    this.stream = 0;
    this.extensions = 0;
    this.chargedBytes = 0;
    this.consistency = Consistency.One;
    this.serialConsistency = Consistency.Serial;
    this.pageSize = 0;
    this.pagingState = undefined;
    this.hasTimestamp = false;
    this.timestampHi = 0;
    this.timestampLo = 0;
    this.keyspace = '';
    this.text = '';
    this.isBounced = false;
    this.statement = undefined;
    this.skipsMetadata = false;
    this.hasNewMetadata = false;
    this.isWrite = false;
    this.writeType = 'SIMPLE';
  }

  /** A request of another shard's client is not told when that client goes. */
  get abortCode(): AbortCode {
    return this.source === undefined || this.source.canWrite ? AbortCode.None : AbortCode.ClientGone;
  }

  get isPrepared(): boolean {
    return this.statement !== undefined;
  }

  begin(
    source: RequestSource | undefined,
    reply: Reply | undefined,
    version: number,
    stream: number,
    extensions: number,
    keyspace: string,
    chargedBytes: number,
  ): void {
    assert(!this.isOpen, 'a record serves one request at a time');
    this.isOpen = true;
    this.source = source;
    this.reply = reply;
    this.version = version;
    this.stream = stream;
    this.extensions = extensions;
    this.chargedBytes = chargedBytes;
    this.consistency = Consistency.One;
    this.serialConsistency = Consistency.Serial;
    this.pageSize = 0;
    this.pagingState = undefined;
    this.hasTimestamp = false;
    this.keyspace = keyspace;
    this.text = '';
    this.isBounced = reply !== undefined;
    this.statement = undefined;
    this.skipsMetadata = false;
    this.hasNewMetadata = false;
    this.isWrite = false;
    this.writeType = 'SIMPLE';
  }

  /** Takes what the request says beside its statement. @param bytes the frame, which is not kept */
  setParameters(bytes: Uint8Array, parameters: QueryParameters): void {
    this.consistency = parameters.consistency;
    this.serialConsistency = parameters.serialConsistency;
    this.pageSize = parameters.pageSize;
    if (parameters.pagingStateStart >= 0) {
      this.pagingState = copyRange(bytes, parameters.pagingStateStart, parameters.pagingStateEnd);
    }
    this.skipsMetadata = parameters.skipsMetadata;
    this.setTimestamp(parameters);
  }

  setTimestamp(parameters: QueryParameters): void {
    this.hasTimestamp = parameters.hasTimestamp;
    this.timestampHi = parameters.timestampHi;
    this.timestampLo = parameters.timestampLo;
  }

  /** Takes from the plan what an error has to say of the request. */
  setPlan(plan: StatementPlan): void {
    if (plan.kind === PlanKind.Modify) {
      this.isWrite = true;
      if (plan.isConditional) this.writeType = 'CAS';
    } else if (plan.kind === PlanKind.Batch) {
      this.setBatch(plan, plan.isLogged ? BatchType.Logged : BatchType.Unlogged);
    }
  }

  setBatch(plan: BatchPlan, type: BatchType): void {
    this.isWrite = true;
    if (plan.isConditional) this.writeType = 'CAS';
    else if (type === BatchType.Counter) this.writeType = 'COUNTER';
    else this.writeType = type === BatchType.Logged ? 'BATCH' : 'UNLOGGED_BATCH';
  }

  done(warnings: readonly string[]): void {
    assert(this.isOpen, 'a request is answered once');
    const out = this.#output();
    if (out !== undefined) {
      if (warnings.length === 0) writeVoid(out, this.version, this.stream);
      else writeVoidResult(out, this.#head(warnings));
    }
    this.#end(out, false);
  }

  rows(
    columns: readonly ResultColumn[],
    rowCount: number,
    rows: ByteWriter,
    pagingState: Uint8Array | undefined,
    warnings: readonly string[],
  ): void {
    assert(this.isOpen, 'a request is answered once');
    const out = this.#output();
    if (out === undefined) {
      this.#end(out, false);
      return;
    }
    const { rowsResponse } = this.#host;
    const { statement } = this;
    const mark = out.length;
    try {
      const metadata = statement === undefined ? new ColumnMetadata(columns) : statement.metadataOf(columns);
      const lead = warnings.length === 0 ? undefined : leadOf(warnings);
      rowsResponse.begin(
        out,
        this.version,
        this.stream,
        lead,
        metadata,
        this.skipsMetadata,
        this.hasNewMetadata && metadata === statement?.result,
      );
      out.raw(rows.bytes, 0, rows.length);
      rowsResponse.end(out, rowCount, pagingState, this.source?.compressor);
    } catch (error) {
      if (!(error instanceof TesseraError)) throw error;
      out.abandon(mark); // larger than the protocol allows
      this.#writeError(out, error);
      this.#end(out, true);
      return;
    }
    this.#end(out, false);
  }

  schemaChanged(change: SchemaChange, warnings: readonly string[]): void {
    assert(this.isOpen, 'a request is answered once');
    const out = this.#output();
    if (out !== undefined) writeSchemaChangeResult(out, this.#head(warnings), change);
    this.#end(out, false);
  }

  keyspaceSet(keyspace: string): void {
    assert(this.isOpen, 'a request is answered once');
    if (this.source !== undefined) this.source.keyspace = keyspace;
    const out = this.#output();
    if (out !== undefined) writeSetKeyspace(out, this.#head(NO_WARNINGS), keyspace);
    this.#end(out, false);
  }

  /** Answers PREPARE. */
  prepared(statement: PreparedStatement): void {
    assert(this.isOpen, 'a request is answered once');
    const out = this.#output();
    if (out !== undefined) {
      const { id, bind, result, plan } = statement;
      writePrepared(out, this.#head(plan.warnings), this.extensions, {
        id,
        bind,
        result,
        partitionKeyIndexes: plan.partitionKeyMarkers,
        isConditional: plan.isConditional,
      });
    }
    this.#end(out, false);
  }

  failed(error: unknown): void {
    assert(this.isOpen, 'a request is answered once');
    if (!(error instanceof TesseraError)) this.#host.reportBug(error);
    const out = this.#output();
    if (out !== undefined) this.#writeError(out, error);
    this.#end(out, true);
  }

  bounce(to: ThreadId, deadlineMs?: number): void {
    assert(this.isOpen, 'a request is answered once');
    if (this.isBounced) this.failed(new OverloadedError('the partition moved while the request was on its way'));
    else this.#host.forward(this, to, deadlineMs);
  }

  /** Passes on the answer of the shard that coordinated the request: the response frame bytes[start, end), uncompressed. */
  passOn(bytes: Uint8Array, start: number, end: number): void {
    assert(this.isOpen, 'a request is answered once');
    assert(end - start >= HEADER_LENGTH, 'a shard answers with a whole frame');
    const out = this.#output();
    if (out !== undefined) {
      const mark = out.begin(this.version, this.stream, bytes[start + 4]!);
      out.bytes[mark + 1] = bytes[start + 1]! & ~EnvelopeFlag.Compressed;
      out.raw(bytes, start + HEADER_LENGTH, end);
      out.end(mark, this.source?.compressor);
    }
    this.#end(out, false);
  }

  /** The other shard could not be asked, or did not answer. Whether it carried the request out is unknown then. */
  forwardFailed(error: TesseraError): void {
    const hidesOutcome = this.isWrite && error.code === 'READ_TIMEOUT';
    this.failed(hidesOutcome ? new WriteTimeoutError(error.message, { received: 0, blockFor: 1 }) : error);
  }

  /** Where the answer goes, or undefined if nobody is there any more. */
  #output(): OutputBuffer | undefined {
    const { source } = this;
    if (source === undefined) return this.#host.scratch;
    return source.canWrite ? source.output() : undefined;
  }

  #head(warnings: readonly string[]): ResponseHead {
    const lead = warnings.length === 0 ? undefined : leadOf(warnings);
    return { version: this.version, stream: this.stream, lead, compressor: this.source?.compressor };
  }

  #writeError(out: OutputBuffer, error: unknown): void {
    const { isWrite, consistency, writeType, extensions } = this;
    writeError(out, this.version, this.stream, error, { isWrite, consistency, writeType, extensions });
  }

  #end(out: OutputBuffer | undefined, isError: boolean): void {
    const { source, reply } = this;
    if (source !== undefined) source.inFlight--;
    if (reply !== undefined && out !== undefined) {
      reply.ok(out.bytes, 0, out.length);
      out.clear();
    }
    this.isOpen = false;
    this.source = undefined;
    this.reply = undefined;
    this.statement = undefined;
    this.pagingState = undefined;
    this.text = '';
    this.#host.ended(this, isError, source !== undefined);
  }
}

function leadOf(warnings: readonly string[]): ResponseLead {
  return { tracingId: undefined, warnings, payload: NO_PAYLOAD };
}
