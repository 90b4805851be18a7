import { assert } from '../../core/assert.ts';
import { FileOperationError } from '../../core/errors.ts';
import type { Files } from '../../core/ports/files.ts';
import type { TableDescriptor } from '../../core/schema/table.ts';
import { NodeClock } from '../../shards/host/node-clock.ts';
import { NodeRandom } from '../../shards/host/node-random.ts';
import { newGeneration } from '../../shards/store/generation.ts';
import { commitSSTables, removeSSTable } from '../../sstable/commit.ts';
import { identifierOfUuid } from '../../sstable/format/names.ts';
import type { EncodingBase } from '../../sstable/format/row-encoder.ts';
import { type SSTableSummaryInfo, SSTableWriter } from '../../sstable/writer.ts';
import type { Inheritance } from './output-options.ts';

/** What all SSTables of one operation have in common. */
export interface OutputSettings {
  readonly directory: string;
  /** The first one's number, each later one's is one more; undefined: they are named by time. */
  readonly firstGeneration: number | undefined;
}

/** What one new SSTable is made like. */
export interface OutputShape {
  readonly table: TableDescriptor;
  readonly base: EncodingBase;
  readonly inheritance: Inheritance;
}

/**
 * New SSTables of one operation: none of them is visible before all are whole. `create`, `finish` each, then `commit`; `abort`
 * instead removes what was written.
 */
export class OutputSSTables {
  readonly #files: Files;
  readonly #settings: OutputSettings;
  readonly #clock: NodeClock = new NodeClock();
  readonly #random: NodeRandom = new NodeRandom();
  readonly #open: Set<SSTableWriter> = new Set();
  readonly #staged: SSTableSummaryInfo[] = [];
  #created = 0;

  /** @throws FileOperationError when the directory is not there */
  constructor(files: Files, settings: OutputSettings) {
    this.#files = files;
    this.#settings = settings;
    const status = files.status(settings.directory);
    if (status?.isDirectory !== true) {
      throw new FileOperationError('open', settings.directory, status === undefined ? 'ENOENT' : 'ENOTDIR');
    }
  }

  /** @throws FileOperationError, EEXIST when an SSTable of that name is there */
  create({ table, base, inheritance }: OutputShape, expectedPartitions: number): SSTableWriter {
    const { directory, firstGeneration } = this.#settings;
    const identifier =
      firstGeneration === undefined
        ? identifierOfUuid(newGeneration(this.#clock, this.#random, 0))
        : String(firstGeneration + this.#created);
    this.#created++;
    const writer = new SSTableWriter(this.#files, table, {
      directory,
      identifier,
      expectedPartitions: Math.max(1, expectedPartitions),
      base,
      ...inheritance,
    });
    this.#open.add(writer);
    return writer;
  }

  /** Stages a writer's SSTable; undefined when nothing came: it is not to be then. */
  finish(writer: SSTableWriter): SSTableSummaryInfo | undefined {
    assert(this.#open.has(writer), 'a writer of this operation');
    const info = writer.finish();
    this.#open.delete(writer);
    if (info !== undefined) this.#staged.push(info);
    return info;
  }

  /** Makes all visible. @returns what they are, in the order in which they were finished */
  commit(): readonly SSTableSummaryInfo[] {
    assert(this.#open.size === 0, 'every writer is finished');
    const prefixes = this.#staged.map(({ prefix }) => prefix);
    if (prefixes.length > 0) commitSSTables(this.#files, this.#settings.directory, prefixes);
    return this.#staged.splice(0);
  }

  /** Removes what is not committed; fine at any time. */
  abort(): void {
    for (const writer of this.#open) writer.abort();
    this.#open.clear();
    for (const { directory, prefix } of this.#staged.splice(0)) removeSSTable(this.#files, directory, prefix);
  }
}
