import { type ByteWriter, readU16LE } from '../../core/bytes.ts';
import { ProtocolError } from '../../core/errors.ts';
import { decodeUtf8 } from '../../cql/protocol/utf8.ts';

/**
 * A client's request on its way to the shard that must coordinate it (Verb.CqlForward):
 *
 *   byte 0   opcode       u8       Opcode: QUERY, EXECUTE or BATCH
 *   byte 1   version      u8       of the protocol
 *   byte 2   extensions   u16 LE   bits of Extension that the connection agreed on: they change the layout of EXECUTE
 *   byte 4   keyspace     u16 LE length, UTF-8; the one in use; none for EXECUTE
 *            body         the message as the frame had it: uncompressed, without custom payload
 *
 * The answer is a whole response frame, uncompressed, of stream 0: RESULT or ERROR.
 */
export interface ForwardedRequest {
  readonly opcode: number;
  readonly version: number;
  readonly extensions: number;
  readonly keyspace: string;
  readonly bodyStart: number;
}

const HEADER_BYTES = 6;

/** Replaces what is in `out`. */
export function encodeForward(
  out: ByteWriter,
  opcode: number,
  version: number,
  extensions: number,
  keyspace: string,
  bytes: Uint8Array,
  start: number,
  end: number,
): void {
  out.clear();
  out.u8(opcode);
  out.u8(version);
  out.u16LE(extensions);
  if (keyspace === '') {
    out.u16LE(0);
  } else {
    const name = Buffer.from(keyspace);
    out.u16LE(name.length);
    out.raw(name);
  }
  out.raw(bytes, start, end);
}

/** @throws ProtocolError for bytes that are no forwarded request */
export function decodeForward(bytes: Uint8Array, start: number, end: number): ForwardedRequest {
  if (end - start < HEADER_BYTES) throw new ProtocolError('a forwarded request is cut short');
  const nameStart = start + HEADER_BYTES;
  const bodyStart = nameStart + readU16LE(bytes, start + 4);
  if (bodyStart > end) throw new ProtocolError('a forwarded request is cut short');
  return {
    opcode: bytes[start]!,
    version: bytes[start + 1]!,
    extensions: readU16LE(bytes, start + 2),
    keyspace: bodyStart === nameStart ? '' : decodeUtf8(bytes, nameStart, bodyStart),
    bodyStart,
  };
}
