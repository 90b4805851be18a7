import type { Group0State } from '../cluster/group0.ts';
import { decodeState, encodeState } from '../cluster/group0-codec.ts';
import { readU32LE, writeI32LE } from '../core/bytes.ts';
import { crc32 } from '../core/crc32.ts';
import { CorruptFileError, TesseraError, UnsupportedFormatError } from '../core/errors.ts';
import { type Files, OpenMode } from '../core/ports/files.ts';
import { UUID_BYTES, uuidText, writeUuid } from '../core/uuid-bytes.ts';
import { replaceFile } from './replace-file.ts';

/**
 * The exact state of group 0 at one log index, in `state.db` (docs/formats/group0.md); numbers little-endian:
 *
 *   0   4 bytes  'TSG0'
 *   4   u32      format version
 *   8   u32      bytes of the state
 *   12  16 bytes id of the Raft group
 *   28  u64      incarnation of this member
 *   36  u64      index of the last entry in the state
 *   44  u64      its term, 0 before the first
 *   52  ...      the state (`cluster/group0-codec.ts`)
 *   end u32      CRC-32 of everything before
 */
const MAGIC = 0x3047_5354;
export const CHECKPOINT_FORMAT = 1;
const HEAD_BYTES = 52;
const MAX_STATE_BYTES = 1 << 30;

export interface Group0Checkpoint {
  readonly group: string;
  readonly incarnation: number;
  readonly index: number;
  readonly term: number;
  readonly state: Group0State;
}

export function encodeGroup0Checkpoint(checkpoint: Group0Checkpoint): Uint8Array {
  const state = encodeState(checkpoint.state);
  const end = HEAD_BYTES + state.length;
  const bytes = new Uint8Array(end + 4);
  writeI32LE(bytes, 0, MAGIC);
  writeI32LE(bytes, 4, CHECKPOINT_FORMAT);
  writeI32LE(bytes, 8, state.length);
  writeUuid(checkpoint.group, bytes, 12);
  writeNumber(bytes, 12 + UUID_BYTES, checkpoint.incarnation);
  writeNumber(bytes, 36, checkpoint.index);
  writeNumber(bytes, 44, checkpoint.term);
  bytes.set(state, HEAD_BYTES);
  writeI32LE(bytes, end, crc32(bytes, 0, end));
  return bytes;
}

/**
 * @param path for errors
 * @throws CorruptFileError when a byte is not as it was written; UnsupportedFormatError when a newer version wrote it
 */
export function decodeGroup0Checkpoint(bytes: Uint8Array, path: string): Group0Checkpoint {
  if (bytes.length < HEAD_BYTES + 4 || readU32LE(bytes, 0) !== MAGIC) {
    throw new CorruptFileError(path, 0, 'no checkpoint of group 0');
  }
  const format = readU32LE(bytes, 4);
  if (format > CHECKPOINT_FORMAT) {
    throw new UnsupportedFormatError(path, `a newer version wrote this checkpoint of group 0, of format ${format}`);
  }
  const end = bytes.length - 4;
  if (readU32LE(bytes, 8) !== end - HEAD_BYTES) throw new CorruptFileError(path, 8, 'length of the state');
  if (crc32(bytes, 0, end) !== readU32LE(bytes, end)) throw new CorruptFileError(path, end, 'checksum mismatch');
  return {
    group: uuidText(bytes, 12),
    incarnation: readNumber(bytes, 28, path),
    index: readNumber(bytes, 36, path),
    term: readNumber(bytes, 44, path),
    state: stateOf(bytes, end, path),
  };
}

/** Reads the checkpoint; undefined when there is none. Blocking: for start-up. @throws as `decodeGroup0Checkpoint` */
export function readGroup0Checkpoint(files: Files, path: string): Group0Checkpoint | undefined {
  const status = files.status(path);
  if (status === undefined) return undefined;
  if (status.sizeBytes > MAX_STATE_BYTES) throw new CorruptFileError(path, 0, `${status.sizeBytes} bytes`);
  const file = files.open(path, OpenMode.Read);
  try {
    const bytes = new Uint8Array(status.sizeBytes);
    const count = files.readSync(file, bytes, 0, bytes.length, 0);
    return decodeGroup0Checkpoint(bytes.subarray(0, count), path);
  } finally {
    files.close(file);
  }
}

/** Replaces the checkpoint; durable when the promise resolves. @throws FileOperationError: the old one is still there */
export async function writeGroup0Checkpoint(files: Files, path: string, checkpoint: Group0Checkpoint): Promise<void> {
  await replaceFile(files, path, encodeGroup0Checkpoint(checkpoint));
}

function stateOf(bytes: Uint8Array, end: number, path: string): Group0State {
  try {
    return decodeState(bytes, HEAD_BYTES, end, path);
  } catch (error) {
    if (!(error instanceof TesseraError) || error instanceof UnsupportedFormatError) throw error;
    throw new CorruptFileError(path, HEAD_BYTES, error.message, { cause: error });
  }
}

function writeNumber(bytes: Uint8Array, at: number, value: number): void {
  writeI32LE(bytes, at, value % 2 ** 32);
  writeI32LE(bytes, at + 4, Math.floor(value / 2 ** 32));
}

function readNumber(bytes: Uint8Array, at: number, path: string): number {
  const value = readU32LE(bytes, at + 4) * 2 ** 32 + readU32LE(bytes, at);
  if (!Number.isSafeInteger(value)) throw new CorruptFileError(path, at, 'number above 2^53 - 1');
  return value;
}
