import { writeI32BE } from '../../core/bytes.ts';
import type { BodyCompressor } from './compress.ts';
import { Opcode } from './envelope.ts';
import { type SchemaChange, writeSchemaChange } from './event.ts';
import { Extension, LWT_MARK } from './extension.ts';
import { type ColumnMetadata, MetadataFlag } from './metadata.ts';
import type { OutputBuffer, ResponseLead } from './output-buffer.ts';
import { PASSWORD_AUTHENTICATOR } from './sasl-plain.ts';

/**
 * Writers of the responses that are no errors (spec cql-protocol §5, §7): each appends one whole response to `out`. What is
 * written nowhere else, the rows of a result, goes through RowsResponse.
 */

/** [int] kind at the head of a RESULT. */
export const ResultKind = { Void: 1, Rows: 2, SetKeyspace: 3, Prepared: 4, SchemaChange: 5 } as const;

/** What every response to a request has in common. */
export interface ResponseHead {
  readonly version: number;
  readonly stream: number;
  /** Warnings, payload and tracing id, where there are any. */
  readonly lead: ResponseLead | undefined;
  /** The connection's, where one was agreed. */
  readonly compressor: BodyCompressor | undefined;
}

/** READY: answers STARTUP without authentication, and REGISTER. */
export function writeReady(out: OutputBuffer, version: number, stream: number): void {
  out.end(out.begin(version, stream, Opcode.Ready));
}

/** AUTHENTICATE: answers STARTUP where clients must log in. */
export function writeAuthenticate(out: OutputBuffer, version: number, stream: number): void {
  const mark = out.begin(version, stream, Opcode.Authenticate);
  out.string(PASSWORD_AUTHENTICATOR);
  out.end(mark);
}

/** AUTH_SUCCESS with no further token. */
export function writeAuthSuccess(out: OutputBuffer, version: number, stream: number): void {
  const mark = out.begin(version, stream, Opcode.AuthSuccess);
  out.nullCell();
  out.end(mark);
}

/** SUPPORTED: answers OPTIONS. `options` as `supportedOptions` makes them. */
export function writeSupported(
  out: OutputBuffer,
  version: number,
  stream: number,
  options: ReadonlyMap<string, readonly string[]>,
): void {
  const mark = out.begin(version, stream, Opcode.Supported);
  out.u16BE(options.size);
  for (const [key, values] of options) {
    out.string(key);
    out.stringList(values);
  }
  out.end(mark);
}

/** RESULT Void without a lead: the answer to nearly every write, 13 bytes. */
export function writeVoid(out: OutputBuffer, version: number, stream: number): void {
  const mark = out.begin(version, stream, Opcode.Result);
  out.i32BE(ResultKind.Void);
  writeI32BE(out.bytes, mark + 5, 4);
}

/** RESULT Void with what leads it. */
export function writeVoidResult(out: OutputBuffer, head: ResponseHead): void {
  endResult(out, beginResult(out, head, ResultKind.Void), head);
}

/** RESULT Set_keyspace: answers USE. */
export function writeSetKeyspace(out: OutputBuffer, head: ResponseHead, keyspace: string): void {
  const mark = beginResult(out, head, ResultKind.SetKeyspace);
  out.string(keyspace);
  endResult(out, mark, head);
}

/** RESULT Schema_change: answers DDL that changed something; drivers then wait until the nodes agree. */
export function writeSchemaChangeResult(out: OutputBuffer, head: ResponseHead, change: SchemaChange): void {
  const mark = beginResult(out, head, ResultKind.SchemaChange);
  writeSchemaChange(out, change);
  endResult(out, mark, head);
}

/** What PREPARE answers with (§7.3). */
export interface PreparedResult {
  readonly id: Uint8Array;
  /** The markers in order of their numbers. */
  readonly bind: ColumnMetadata;
  /** For each partition-key column in key order the number of its marker; empty unless all of them have one. */
  readonly partitionKeyIndexes: readonly number[];
  readonly isConditional: boolean;
  /** NO_COLUMNS for what returns no rows. With Extension.MetadataId its `id` must be set. */
  readonly result: ColumnMetadata;
}

/** RESULT Prepared. `extensions` are those that the connection agreed on. */
export function writePrepared(
  out: OutputBuffer,
  head: ResponseHead,
  extensions: number,
  prepared: PreparedResult,
): void {
  const { bind, result, partitionKeyIndexes } = prepared;
  const mark = beginResult(out, head, ResultKind.Prepared);
  out.shortBytes(prepared.id);
  if ((extensions & Extension.MetadataId) !== 0) out.shortBytes(result.id);
  const isMarked = prepared.isConditional && (extensions & Extension.LwtMark) !== 0;
  out.i32BE(bind.flags | (isMarked ? LWT_MARK : 0));
  out.i32BE(bind.columns.length);
  if (head.version >= 4) {
    out.i32BE(partitionKeyIndexes.length);
    for (const index of partitionKeyIndexes) out.u16BE(index);
  }
  out.raw(bind.encoded);
  out.i32BE(result.columns.length === 0 ? MetadataFlag.NoMetadata : result.flags);
  out.i32BE(result.columns.length);
  out.raw(result.encoded);
  endResult(out, mark, head);
}

/**
 * RESULT Rows: `begin`, then for each row in order its cells by `out.cell` and `out.nullCell`, then `end`. One object serves
 * one response at a time and allocates nothing.
 */
export class RowsResponse {
  #mark: number;
  #flagsAt: number;
  #pagingStateAt: number;
  #rowCountAt: number;

  constructor() {
    this.#mark = -1;
    this.#flagsAt = 0;
    this.#pagingStateAt = 0;
    this.#rowCountAt = 0;
  }

  /**
   * Begins the response and returns its mark for `OutputBuffer.abandon`.
   * @param skipsMetadata the client asked for rows alone; only then may they come alone
   * @param hasNewMetadata tell the metadata's id too (§8.2): for EXECUTE with an id that is not `metadata.id`
   */
  begin(
    out: OutputBuffer,
    version: number,
    stream: number,
    lead: ResponseLead | undefined,
    metadata: ColumnMetadata,
    skipsMetadata: boolean,
    hasNewMetadata: boolean,
  ): number {
    const mark = out.begin(version, stream, Opcode.Result);
    this.#mark = mark;
    if (lead !== undefined) out.lead(mark, lead);
    out.i32BE(ResultKind.Rows);
    this.#flagsAt = out.length;
    const isAlone = skipsMetadata && !hasNewMetadata;
    out.i32BE(
      (isAlone ? MetadataFlag.NoMetadata : metadata.flags) | (hasNewMetadata ? MetadataFlag.MetadataChanged : 0),
    );
    out.i32BE(metadata.columns.length);
    this.#pagingStateAt = out.length;
    if (hasNewMetadata) out.shortBytes(metadata.id);
    if (!isAlone) out.raw(metadata.encoded);
    this.#rowCountAt = out.length;
    out.i32BE(0);
    return mark;
  }

  /**
   * Ends the response after `rowCount` rows.
   * @param pagingState where the next page begins, or undefined after the last one. It stands before the rows and is known
   *   only now, so they move: one memory move a page
   * @throws InvalidRequestError if the response is larger than the protocol allows; it is taken back
   */
  end(
    out: OutputBuffer,
    rowCount: number,
    pagingState: Uint8Array | undefined,
    compressor: BodyCompressor | undefined,
  ): void {
    writeI32BE(out.bytes, this.#rowCountAt, rowCount);
    if (pagingState !== undefined) {
      const at = this.#pagingStateAt;
      const size = 4 + pagingState.length;
      const end = out.reserve(size);
      out.bytes.copyWithin(at + size, at, end);
      out.length = end + size;
      writeI32BE(out.bytes, at, pagingState.length);
      out.bytes.set(pagingState, at + 4);
      out.bytes[this.#flagsAt + 3]! |= MetadataFlag.MorePages;
    }
    out.end(this.#mark, compressor);
  }
}

function beginResult(out: OutputBuffer, head: ResponseHead, kind: number): number {
  const mark = out.begin(head.version, head.stream, Opcode.Result);
  if (head.lead !== undefined) out.lead(mark, head.lead);
  out.i32BE(kind);
  return mark;
}

function endResult(out: OutputBuffer, mark: number, head: ResponseHead): void {
  out.end(mark, head.compressor);
}
