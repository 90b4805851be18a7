import { readI32BE, readU16BE } from '../../core/bytes.ts';
import { ProtocolError } from '../../core/errors.ts';
import { EnvelopeFlag } from './envelope.ts';
import { eventTypeOf } from './event.ts';
import { agreedExtensions, Extension } from './extension.ts';
import { QueryParameters } from './query-parameters.ts';
import { decodeUtf8 } from './utf8.ts';
import { BodyReader, copyRange, truncatedFrame } from './value.ts';

/**
 * Decoding of request bodies, uncompressed, in v3 and v4 (spec cql-protocol §5, §6). What follows the known fields of a body
 * is ignored. Every function throws ProtocolError for a body that ends early or holds a text that is not UTF-8.
 */

/** Where the message begins in a body: after the custom payload, which is skipped whatever the opcode. */
export function messageStart(bytes: Uint8Array, start: number, end: number, version: number, flags: number): number {
  if ((flags & EnvelopeFlag.CustomPayload) === 0 || version < 4) return start;
  const reader = new BodyReader(bytes, start, end);
  reader.skipBytesMap();
  return reader.pos;
}

export interface StartupRequest {
  /** All that the client said, also what is not known here. */
  readonly options: ReadonlyMap<string, string>;
  /** Name of the agreed compression in lower case, '' for none. */
  readonly compression: string;
  /** Bits of Extension that are on from now on. */
  readonly extensions: number;
}

/**
 * @param compressions names that SUPPORTED lists
 * @param offered bits of Extension that SUPPORTED lists
 * @throws ProtocolError for a compression that was not offered, and a CQL version other than 3.x and 4.x
 */
export function decodeStartup(
  bytes: Uint8Array,
  start: number,
  end: number,
  compressions: readonly string[],
  offered: number,
): StartupRequest {
  const options = new BodyReader(bytes, start, end).stringMap();
  const cqlVersion = options.get('CQL_VERSION');
  if (cqlVersion !== undefined && !/^[34]\./.test(cqlVersion)) {
    throw new ProtocolError(`CQL version ${cqlVersion.slice(0, 32)} is not supported: 3.x or 4.x expected`);
  }
  const compression = (options.get('COMPRESSION') ?? '').toLowerCase();
  if (compression !== '' && !compressions.includes(compression)) {
    throw new ProtocolError(`Unknown compression algorithm: ${compression.slice(0, 32)}`);
  }
  return { options, compression, extensions: agreedExtensions(options, offered) };
}

/** @returns the events that the connection wants, as bits `1 << EventType` */
export function decodeRegister(bytes: Uint8Array, start: number, end: number): number {
  let events = 0;
  for (const name of new BodyReader(bytes, start, end).stringList()) events |= 1 << eventTypeOf(name);
  return events;
}

/** The SASL token. Some clients send it without its [int] length: then the whole body is the token. A copy. */
export function decodeAuthResponse(bytes: Uint8Array, start: number, end: number): Uint8Array {
  const hasLength = end - start >= 4 && Math.max(readI32BE(bytes, start), 0) === end - start - 4;
  return copyRange(bytes, hasLength ? start + 4 : start, end);
}

/** @returns the text to prepare */
export function decodePrepare(bytes: Uint8Array, start: number, end: number): string {
  return new BodyReader(bytes, start, end).longString();
}

/** A QUERY: a text with its parameters. One record per connection or shard, filled anew for each request. */
export class QueryRequest {
  text: string;
  readonly parameters: QueryParameters;

  constructor(parameters: QueryParameters = new QueryParameters()) {
    this.text = '';
    this.parameters = parameters;
  }

  /** @throws ProtocolError, InvalidRequestError as QueryParameters.decode */
  decode(bytes: Uint8Array, start: number, end: number, version: number): void {
    if (end - start < 4) throw truncatedFrame(4, end - start);
    const length = readI32BE(bytes, start);
    if (length < 0) throw new ProtocolError(`negative length ${length} of a string`, { length });
    const textEnd = start + 4 + length;
    if (textEnd > end) throw truncatedFrame(length, end - start - 4);
    this.text = decodeUtf8(bytes, start + 4, textEnd);
    this.parameters.decode(bytes, textEnd, end, version);
  }
}

/**
 * An EXECUTE: ids as ranges of the decoded bytes. One record per connection or shard, filled anew for each request; decoding
 * allocates nothing.
 */
export class ExecuteRequest {
  idStart: number;
  idEnd: number;
  /** The result metadata id that the client holds; -1 in both without the extension. */
  metadataIdStart: number;
  metadataIdEnd: number;
  /** The byte of §10.4: high half the index of a 4-bit slice of the tablet version, low half the slice; -1 without it. */
  tabletVersion: number;
  readonly parameters: QueryParameters;

  constructor(parameters: QueryParameters = new QueryParameters()) {
    this.idStart = 0;
    this.idEnd = 0;
    this.metadataIdStart = -1;
    this.metadataIdEnd = -1;
    this.tabletVersion = -1;
    this.parameters = parameters;
  }

  /**
   * @param extensions bits of Extension that the connection agreed on
   * @throws ProtocolError, InvalidRequestError as QueryParameters.decode
   */
  decode(bytes: Uint8Array, start: number, end: number, version: number, extensions: number): void {
    if (end - start < 2) throw truncatedFrame(2, end - start);
    this.idStart = start + 2;
    this.idEnd = start + 2 + readU16BE(bytes, start);
    if (this.idEnd > end) throw truncatedFrame(this.idEnd - this.idStart, end - this.idStart);
    let at = this.idEnd;
    this.metadataIdStart = -1;
    this.metadataIdEnd = -1;
    if ((extensions & Extension.MetadataId) !== 0) {
      if (end - at < 2) throw truncatedFrame(2, end - at);
      this.metadataIdStart = at + 2;
      this.metadataIdEnd = at + 2 + readU16BE(bytes, at);
      at = this.metadataIdEnd;
      if (at > end) throw truncatedFrame(at - this.metadataIdStart, end - this.metadataIdStart);
    }
    at = this.parameters.decode(bytes, at, end, version);
    this.tabletVersion = -1;
    if ((extensions & Extension.TabletsV2) !== 0) {
      if (at >= end) throw truncatedFrame(1, 0);
      this.tabletVersion = bytes[at]!;
    }
  }
}
