import { equalBytes } from '../../core/bytes.ts';
import { TesseraError } from '../../core/errors.ts';
import type { Files } from '../../core/ports/files.ts';
import { FragmentKind, RowBatch } from '../../core/read/row-batch.ts';
import type { TableDescriptor } from '../../core/schema/table.ts';
import { Token, tokenOf } from '../../core/token.ts';
import { ExitCode } from '../../daemon/exit-code.ts';
import type { SSTable } from '../../sstable/reader.ts';
import { UsageError } from '../commands/parse-options.ts';
import type { TextOutput } from '../commands/text-output.ts';
import { exitCodeOf, worse } from '../commands/with-exit-code.ts';
import { startedKey } from './copy-partitions.ts';
import { DumpFormat, type DumpOptions } from './dump-options.ts';
import { FileFragments, findPartitions, partitionKeys } from './file-fragments.ts';
import type { FragmentStream } from './fragment-stream.ts';
import { JsonStyle, JsonText } from './json-text.ts';
import { MergedFragments } from './merged-fragments.ts';
import { openForMerge } from './open-for-merge.ts';
import type { PartitionWriter, StreamTraits } from './partition-writer.ts';
import { Progress } from './progress.ts';
import { ScyllaWriter } from './scylla-writer.ts';
import { SstabledumpWriter } from './sstabledump-writer.ts';
import { openWithSchema, type SchemaChoice } from './table-schema.ts';
import { Turns } from './turns.ts';
import { wantedKeys } from './wanted-keys.ts';

const BATCH_FRAGMENTS = 256;

/** Prints the content of SSTables as JSON. Holds one batch of rows of each file, whatever their size. */
export class DataDump {
  readonly #files: Files;
  readonly #out: TextOutput;
  readonly #options: DumpOptions;
  readonly #schema: SchemaChoice;
  readonly #json: JsonText;

  constructor(files: Files, out: TextOutput, options: DumpOptions, schema: SchemaChoice) {
    this.#files = files;
    this.#out = out;
    this.#options = options;
    this.#schema = schema;
    const isIndented = options.format === DumpFormat.Sstabledump && !options.asLines;
    this.#json = new JsonText(isIndented ? JsonStyle.Indented : JsonStyle.Compact, (piece) => out.writeBytes(piece));
  }

  /**
   * Dumps the SSTables; the JSON is whole whatever happens. A file that fails is told on stderr and does not stop the others.
   * @returns the exit code
   * @throws UsageError for a partition key that cannot be one
   */
  async run(dataPaths: readonly string[]): Promise<ExitCode> {
    const json = this.#json;
    const { asLines, format } = this.#options;
    const isWrapped = format === DumpFormat.Scylla && !asLines;
    if (isWrapped) {
      json.beginObject();
      json.key('sstables');
      json.beginObject();
    }
    let worst: ExitCode = ExitCode.Done;
    const results = this.#options.merge ? [dataPaths] : dataPaths.map((path) => [path]);
    for (const paths of results) {
      if (isWrapped) json.key(this.#options.merge ? 'anonymous' : paths[0]!);
      if (!asLines) json.beginArray();
      const code = await this.#dumpAll(paths);
      if (!asLines) json.end();
      worst = worse(worst, code);
    }
    json.endTo(0);
    if (!asLines) json.raw('\n');
    json.flush();
    await this.#out.drain();
    return worst;
  }

  /** One file, or several as one stream. */
  async #dumpAll(paths: readonly string[]): Promise<ExitCode> {
    const opened: SSTable[] = [];
    const { depth } = this.#json;
    try {
      if (this.#options.merge) {
        const table = await openForMerge(this.#files, paths, this.#schema, opened);
        await this.#dumpMerged(opened, table);
      } else {
        opened.push(
          await openWithSchema(this.#files, paths[0]!, this.#schema, {
            isBlocking: true,
            anyPartitioner: true,
            raw: true,
          }),
        );
        await this.#dumpFile(opened[0]!);
      }
      return ExitCode.Done;
    } catch (error) {
      if (!(error instanceof TesseraError) || error instanceof UsageError) throw error;
      if (this.#json.depth > depth) {
        this.#json.endTo(depth);
        this.#endLine();
      }
      this.#out.error(error.message);
      return exitCodeOf(error);
    } finally {
      for (const sstable of opened) sstable.close();
    }
  }

  async #dumpFile(sstable: SSTable): Promise<void> {
    const { parts, table } = sstable;
    const traits: StreamTraits = {
      hasTokens: parts.hasTokens,
      hasUnsignedTimes: sstable.version.hasUnsignedDeletionTime,
    };
    const writer = this.#writer(table, traits);
    const keys = this.#wantedKeys(table);
    if (this.#options.keysOnly) {
      await this.#dumpKeys(sstable, writer, keys);
      return;
    }
    const wanted = keys === undefined ? undefined : findPartitions(sstable, keys);
    await this.#pump(new FileFragments(sstable, wanted, BATCH_FRAGMENTS), table, writer, sstable.path);
  }

  async #dumpKeys(sstable: SSTable, writer: PartitionWriter, keys: readonly Uint8Array[] | undefined): Promise<void> {
    const token = new Token();
    for (const { bytes, length } of partitionKeys(sstable.parts)) {
      if (keys?.some((key) => equalBytes(key, 0, key.length, bytes, 0, length)) === false) continue;
      tokenOf(bytes, 0, length, token);
      writer.key(bytes, 0, length, token.hi, token.lo);
      this.#endLine();
      await this.#out.drain();
    }
  }

  async #dumpMerged(sstables: readonly SSTable[], table: TableDescriptor): Promise<void> {
    const writer = this.#writer(table, { hasTokens: true, hasUnsignedTimes: true });
    const stream = new MergedFragments(sstables, table, this.#wantedKeys(table));
    await this.#pump(stream, table, writer, 'merge');
  }

  #writer(table: TableDescriptor, traits: StreamTraits): PartitionWriter {
    const { format, rawTimes } = this.#options;
    return format === DumpFormat.Scylla
      ? new ScyllaWriter(this.#json, table, traits, rawTimes)
      : new SstabledumpWriter(this.#json, table, traits, this.#options);
  }

  #wantedKeys(table: TableDescriptor): Uint8Array[] | undefined {
    const { partitions } = this.#options;
    return partitions.length === 0 ? undefined : wantedKeys(partitions, table.partitionKey.length);
  }

  /** Writes the whole stream; an error names the partition that was read last. */
  async #pump(stream: FragmentStream, table: TableDescriptor, writer: PartitionWriter, what: string): Promise<void> {
    const batch = new RowBatch(BATCH_FRAGMENTS);
    const progress = new Progress(this.#out, what);
    const turns = new Turns();
    let lastKey: string | undefined;
    try {
      for (;;) {
        try {
          stream.fill(batch);
        } catch (error) {
          lastKey = this.#writeBatch(batch, stream, table, writer) ?? lastKey;
          throw error;
        }
        if (batch.count === 0) break;
        lastKey = this.#writeBatch(batch, stream, table, writer) ?? lastKey;
        progress.at(stream.progress);
        await turns.next();
        await this.#out.drain();
      }
    } catch (error) {
      if (error instanceof TesseraError && lastKey !== undefined) this.#out.error(`last partition read: ${lastKey}`);
      throw error;
    } finally {
      progress.done();
      stream.close();
    }
  }

  /** Returns the text of the last key that began in the batch. */
  #writeBatch(
    batch: RowBatch,
    stream: FragmentStream,
    table: TableDescriptor,
    writer: PartitionWriter,
  ): string | undefined {
    let last = -1;
    for (let i = 0; i < batch.count; i++) {
      writer.fragment(batch, i, stream.position(i));
      if (batch.kind[i] === FragmentKind.PartitionStart) last = i;
      else if (batch.kind[i] === FragmentKind.PartitionEnd) this.#endLine();
    }
    if (last < 0) return undefined;
    return startedKey(batch, last, table);
  }

  #endLine(): void {
    if (this.#options.asLines) this.#json.raw('\n');
  }
}
