import { UnsupportedFormatError } from '../../core/errors.ts';
import { type Files, OpenMode } from '../../core/ports/files.ts';
import { BlockFile } from '../../sstable/block-file.ts';
import { FileOutput } from '../../sstable/file-output.ts';
import { joinPath, splitPath } from '../../sstable/format/names.ts';
import type { TextOutput } from '../commands/text-output.ts';
import { readCompressionInfo } from './compressed-chunks.ts';
import { Progress } from './progress.ts';
import { Turns } from './turns.ts';

/**
 * Writes what is in a compressed Data.db, each chunk verified, to `Data.db.decompressed`. A file that was begun and could not be
 * ended is removed.
 * @param directory where to; undefined: beside Data.db
 * @returns the path that was written; undefined when the SSTable is not compressed
 * @throws CorruptFileError, FileOperationError (EEXIST when it is there already), UnsupportedFormatError for the compressor
 */
export async function decompressData(
  files: Files,
  dataPath: string,
  directory: string | undefined,
  out: TextOutput,
): Promise<string | undefined> {
  const info = readCompressionInfo(files, dataPath);
  if (info === undefined) return undefined;
  const own = splitPath(dataPath);
  const target = `${joinPath(directory ?? own.directory, own.name)}.decompressed`;
  if (files.status(target) !== undefined) throw new UnsupportedFormatError(target, 'is there already');
  const file = files.open(dataPath, OpenMode.Read);
  const progress = new Progress(out, `decompressing ${dataPath}`);
  const turns = new Turns();
  let output: FileOutput | undefined;
  try {
    const blocks = new BlockFile(dataPath, file, -1, files.sizeOf(file), info, undefined);
    output = new FileOutput(files, target, false);
    let stored = new Uint8Array(info.chunkBytes);
    const plain = new Uint8Array(info.chunkBytes);
    for (let i = 0; i < blocks.blockCount; i++) {
      const start = blocks.diskStart(i);
      const length = blocks.diskEnd(i) - start;
      if (length > stored.length) stored = new Uint8Array(length);
      const count = files.readSync(file, stored, 0, length, start);
      blocks.decode(i, stored, 0, count, plain, 0);
      output.write(plain, 0, blocks.blockLength(i));
      progress.at(i / blocks.blockCount);
      await turns.next();
    }
    output.finish();
    return target;
  } catch (error) {
    output?.close();
    if (output !== undefined) files.unlink(target);
    throw error;
  } finally {
    progress.done();
    files.close(file);
  }
}
