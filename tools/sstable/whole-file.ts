import { crc32 } from 'node:zlib';
import { CorruptFileError, FileOperationError } from '../../core/errors.ts';
import { type Files, OpenMode } from '../../core/ports/files.ts';

const PIECE_BYTES: number = 256 * 1024;
/** Larger small components are refused rather than read into memory. */
const MOST_BYTES: number = 1024 * 1024 * 1024;

/** All bytes of a small component. @throws FileOperationError; CorruptFileError when it is impossibly large */
export function readWhole(files: Files, path: string): Uint8Array {
  const file = files.open(path, OpenMode.Read);
  try {
    const size = files.sizeOf(file);
    if (size > MOST_BYTES) throw new CorruptFileError(path, MOST_BYTES, 'impossibly large');
    const bytes = new Uint8Array(size);
    const count = files.readSync(file, bytes, 0, size, 0);
    if (count !== size) throw new FileOperationError('read', path, 'EIO');
    return bytes;
  } finally {
    files.close(file);
  }
}

export interface FileChecksum {
  readonly sizeBytes: number;
  readonly crc: number;
}

/** CRC-32 of a file of any size. @throws FileOperationError */
export function checksumOf(files: Files, path: string): FileChecksum {
  let crc = 0;
  let sizeBytes = 0;
  eachPiece(files, path, PIECE_BYTES, (piece) => {
    crc = crc32(piece, crc);
    sizeBytes += piece.length;
  });
  return { sizeBytes, crc };
}

/** Hands the file on in pieces of `pieceBytes`, the last one shorter; a piece is valid during the call. @throws FileOperationError */
export function eachPiece(
  files: Files,
  path: string,
  pieceBytes: number,
  take: (piece: Uint8Array, position: number) => void,
): void {
  const file = files.open(path, OpenMode.Read);
  try {
    const bytes = new Uint8Array(pieceBytes);
    for (let position = 0; ; ) {
      const count = files.readSync(file, bytes, 0, pieceBytes, position);
      if (count > 0) take(bytes.subarray(0, count), position);
      if (count < pieceBytes) return;
      position += count;
    }
  } finally {
    files.close(file);
  }
}
