import { HEADER_LENGTH, Opcode, writeHeader } from './envelope.ts';
import { OutputBuffer } from './output-buffer.ts';
import { NULL_VALUE, QueryFlag, UNSET_VALUE } from './query-parameters.ts';

/**
 * The client's half: whole request frames of v3 and v4, uncompressed. For the node's query through its own socket at start, for
 * the load generator and for tests. Each function makes its own array.
 */

/** A bound value: bytes, null, or `undefined` for "not set". */
export type BoundValue = Uint8Array | null | undefined;

/** What a request says beside its text; what is left out is not sent. */
export interface RequestOptions {
  readonly consistency: number;
  readonly values?: readonly BoundValue[];
  /** One name for each value. */
  readonly names?: readonly string[];
  readonly skipMetadata?: boolean;
  readonly pageSize?: number;
  readonly pagingState?: Uint8Array | null;
  readonly serialConsistency?: number;
  /** Microseconds, as halves. */
  readonly timestamp?: { readonly hi: number; readonly lo: number };
}

export interface BatchStatement {
  /** CQL text, or a prepared id. */
  readonly query: string | Uint8Array;
  readonly values: readonly BoundValue[];
}

export function encodeStartup(version: number, stream: number, options: Readonly<Record<string, string>>): Uint8Array {
  return frame(version, stream, Opcode.Startup, (out) => {
    const entries = Object.entries(options);
    out.u16BE(entries.length);
    for (const [key, value] of entries) {
      out.string(key);
      out.string(value);
    }
  });
}

export function encodeOptions(version: number, stream: number): Uint8Array {
  return frame(version, stream, Opcode.Options, () => {});
}

export function encodeRegister(version: number, stream: number, events: readonly string[]): Uint8Array {
  return frame(version, stream, Opcode.Register, (out) => out.stringList(events));
}

export function encodeAuthResponse(version: number, stream: number, token: Uint8Array): Uint8Array {
  return frame(version, stream, Opcode.AuthResponse, (out) => out.cell(token, 0, token.length));
}

export function encodePrepare(version: number, stream: number, text: string): Uint8Array {
  return frame(version, stream, Opcode.Prepare, (out) => out.longString(text));
}

export function encodeQuery(version: number, stream: number, text: string, options: RequestOptions): Uint8Array {
  return frame(version, stream, Opcode.Query, (out) => {
    out.longString(text);
    writeParameters(out, options);
  });
}

/**
 * @param metadataId for connections that agreed on Extension.MetadataId
 * @param tabletVersion for connections that agreed on Extension.TabletsV2
 */
export function encodeExecute(
  version: number,
  stream: number,
  id: Uint8Array,
  options: RequestOptions,
  metadataId?: Uint8Array,
  tabletVersion?: number,
): Uint8Array {
  return frame(version, stream, Opcode.Execute, (out) => {
    out.shortBytes(id);
    if (metadataId !== undefined) out.shortBytes(metadataId);
    writeParameters(out, options);
    if (tabletVersion !== undefined) out.u8(tabletVersion);
  });
}

/** Of `options` consistency, serial consistency and timestamp count. */
export function encodeBatch(
  version: number,
  stream: number,
  type: number,
  statements: readonly BatchStatement[],
  options: RequestOptions,
): Uint8Array {
  return frame(version, stream, Opcode.Batch, (out) => {
    out.u8(type);
    out.u16BE(statements.length);
    for (const { query, values } of statements) {
      if (typeof query === 'string') {
        out.u8(0);
        out.longString(query);
      } else {
        out.u8(1);
        out.shortBytes(query);
      }
      out.u16BE(values.length);
      for (const value of values) writeValue(out, value);
    }
    const { consistency, serialConsistency, timestamp } = options;
    out.u16BE(consistency);
    out.u8(tailFlags(options));
    writeTail(out, serialConsistency, timestamp);
  });
}

function frame(version: number, stream: number, opcode: number, body: (out: OutputBuffer) => void): Uint8Array {
  const out = new OutputBuffer(256);
  out.length = out.reserve(HEADER_LENGTH) + HEADER_LENGTH;
  body(out);
  writeHeader(out.bytes, 0, version, 0, stream, opcode, out.length - HEADER_LENGTH);
  return out.toBytes();
}

function writeParameters(out: OutputBuffer, options: RequestOptions): void {
  const { consistency, values, names, pageSize, pagingState } = options;
  let flags = tailFlags(options);
  if (values !== undefined) flags |= QueryFlag.Values;
  if (values !== undefined && names !== undefined) flags |= QueryFlag.Names;
  if (options.skipMetadata === true) flags |= QueryFlag.SkipMetadata;
  if (pageSize !== undefined) flags |= QueryFlag.PageSize;
  if (pagingState !== undefined) flags |= QueryFlag.PagingState;
  out.u16BE(consistency);
  out.u8(flags);
  if (values !== undefined) {
    out.u16BE(values.length);
    for (const [i, value] of values.entries()) {
      if (names !== undefined) out.string(names[i]!);
      writeValue(out, value);
    }
  }
  if (pageSize !== undefined) out.i32BE(pageSize);
  if (pagingState !== undefined) writeValue(out, pagingState);
  writeTail(out, options.serialConsistency, options.timestamp);
}

function tailFlags(options: RequestOptions): number {
  return (
    (options.serialConsistency !== undefined ? QueryFlag.SerialConsistency : 0) |
    (options.timestamp !== undefined ? QueryFlag.Timestamp : 0)
  );
}

function writeTail(
  out: OutputBuffer,
  serialConsistency: number | undefined,
  timestamp: RequestOptions['timestamp'],
): void {
  if (serialConsistency !== undefined) out.u16BE(serialConsistency);
  if (timestamp !== undefined) out.i64BE(timestamp.hi, timestamp.lo);
}

function writeValue(out: OutputBuffer, value: BoundValue): void {
  if (value === null) out.i32BE(NULL_VALUE);
  else if (value === undefined) out.i32BE(UNSET_VALUE);
  else out.cell(value, 0, value.length);
}
