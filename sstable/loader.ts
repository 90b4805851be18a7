import { crc32 } from 'node:zlib';
import { CorruptFileError, UnsupportedFormatError } from '../core/errors.ts';
import { type FileDescriptor, type Files, OpenMode } from '../core/ports/files.ts';
import type { TableDescriptor } from '../core/schema/table.ts';
import type { BlockCache } from './block-cache.ts';
import { type BlockChecksums, BlockFile } from './block-file.ts';
import type { BlockSource } from './block-window.ts';
import { type CompressionInfo, decodeCompressionInfo } from './format/compression-info.ts';
import { decodeCrc } from './format/crc.ts';
import { type BloomFilter, decodeFilter } from './format/filter.ts';
import { Component, joinPath, parseSSTableName, splitPath, sstablePrefix, TOC_STAGED } from './format/names.ts';
import { decodePartitionTrieFooter, keysPosition, PARTITION_TRIE_TAIL_BYTES } from './format/partition-trie.ts';
import { decodeStatistics, MURMUR3_PARTITIONER, type Statistics } from './format/statistics.ts';
import { decodeSummary, INDEX_INTERVAL, SummaryEntries } from './format/summary.ts';
import { decodeTessera, type TesseraChecksums } from './format/tessera.ts';
import { decodeToc } from './format/toc.ts';
import { type VersionFeatures, versionFeatures } from './format/version.ts';
import { IndexWalker, Walk } from './index-walker.ts';
import type { PartitionIndex } from './partition-index.ts';
import { mapSchema, type SchemaMapping, tableOfHeader } from './schema-header.ts';
import type { SSTableParts } from './sstable-parts.ts';
import { SummaryIndex } from './summary-index.ts';
import { TrieIndex, TrieOrder } from './trie-index.ts';

export interface OpenOptions {
  /** The table that the rows are read for. Without it: one made from the file's header (`$pk0`, `$ck0`, ids in its order). */
  readonly table?: TableDescriptor;
  /** Undefined: blocks are not kept. */
  readonly cache?: BlockCache;
  /** Cursors read blocking and never ask for a load: for pool threads and tools. */
  readonly isBlocking?: boolean;
  /** Scans only: also files of other partitioners than Murmur3, in file order and without tokens. */
  readonly anyPartitioner?: boolean;
  /** For dumps: deletion times as the file has them (u32 bit patterns), rows of nothing too. */
  readonly raw?: boolean;
  /** The SSTable is staged: its TOC still has its temporary name. What is opened stays good when it is committed. */
  readonly isStaged?: boolean;
}

/** What opening an SSTable finds. */
export interface LoadedSSTable {
  readonly directory: string;
  readonly prefix: string;
  readonly components: readonly string[];
  readonly table: TableDescriptor;
  readonly statistics: Statistics;
  readonly firstKey: Uint8Array;
  readonly lastKey: Uint8Array;
  readonly filter: BloomFilter | undefined;
  readonly checksums: TesseraChecksums | undefined;
  readonly parts: SSTableParts;
}

interface KeySample {
  readonly entries: SummaryEntries;
  readonly firstKey: Uint8Array;
  readonly lastKey: Uint8Array;
}

interface LoadedIndex {
  readonly index: PartitionIndex;
  readonly firstKey: Uint8Array;
  readonly lastKey: Uint8Array;
}

/** Orders of partitions for which the keys of a trie can be made. */
const TRIE_ORDERS: Readonly<Record<string, TrieOrder>> = {
  [MURMUR3_PARTITIONER]: TrieOrder.Murmur3,
  'org.apache.cassandra.dht.ByteOrderedPartitioner': TrieOrder.Bytes,
};

/**
 * Opens the files of one SSTable: reads and verifies the small components, opens Data.db and what the index is in. With a Tessera.db
 * every component must be there, of the size and checksum it names.
 */
export class SSTableLoader {
  readonly #files: Files;
  readonly #options: OpenOptions;
  readonly #directory: string;
  readonly #prefix: string;
  readonly #version: VersionFeatures;
  readonly #opened: FileDescriptor[] = [];
  #checksums: TesseraChecksums | undefined;

  /** @throws UnsupportedFormatError when the path names no SSTable of a version that is read */
  constructor(files: Files, path: string, options: OpenOptions) {
    this.#files = files;
    this.#options = options;
    const { directory, name } = splitPath(path);
    const parsed = parseSSTableName(name);
    if (parsed === undefined) throw new UnsupportedFormatError(path, 'not the name of an SSTable component');
    this.#directory = directory;
    this.#prefix = sstablePrefix(parsed);
    this.#version = versionFeatures(parsed.version, parsed.format, path);
  }

  /** @throws CorruptFileError, UnsupportedFormatError, FileOperationError; the caller then calls `closeFiles` */
  async load(): Promise<LoadedSSTable> {
    const version = this.#version;
    const tessera = await this.#readIfThere(Component.Tessera);
    if (tessera !== undefined) this.#checksums = decodeTessera(tessera, this.#path(Component.Tessera));
    const components = await this.#listComponents();
    if (tessera === undefined && components.includes(Component.Tessera)) {
      throw new CorruptFileError(this.#path(Component.Tessera), 0, 'is in the TOC but not there');
    }
    const statisticsPath = this.#path(Component.Statistics);
    const statistics = decodeStatistics(await this.#read(Component.Statistics), statisticsPath, version);
    const hasTokens = statistics.partitioner === MURMUR3_PARTITIONER;
    if (!hasTokens && this.#options.anyPartitioner !== true) {
      throw new UnsupportedFormatError(statisticsPath, `partitioner ${statistics.partitioner}`);
    }
    const filterBytes = await this.#readIfThere(Component.Filter);
    const filter =
      filterBytes === undefined ? undefined : decodeFilter(filterBytes, this.#path(Component.Filter), version);
    const table = this.#options.table ?? tableOfHeader(statistics.header, statisticsPath);
    const mapping = mapSchema(statistics.header, table, statisticsPath);
    const data = await this.#openData();
    const source = { files: this.#files, cache: this.#options.cache, isBlocking: this.#options.isBlocking === true };
    const { index, firstKey, lastKey } = version.hasTries
      ? await this.#openTries(statistics, mapping)
      : await this.#openIndex(data, source);
    const parts: SSTableParts = {
      data,
      index,
      source,
      version,
      header: statistics.header,
      fixedLengths: mapping.fixedLengths,
      comparator: table.comparator,
      statics: mapping.statics,
      regulars: mapping.regulars,
      hasTokens,
      checksOrder: this.#checksums === undefined && this.#options.raw !== true,
      raw: this.#options.raw === true,
    };
    return {
      directory: this.#directory,
      prefix: this.#prefix,
      components,
      table,
      statistics,
      firstKey,
      lastKey,
      filter,
      checksums: this.#checksums,
      parts,
    };
  }

  /** After a failed `load`. */
  closeFiles(): void {
    for (const file of this.#opened) this.#files.close(file);
    this.#opened.length = 0;
  }

  /** From the TOC; from the directory for files of others that were copied without one. */
  async #listComponents(): Promise<readonly string[]> {
    const path = this.#path(Component.Toc);
    const toc = await this.#readIfThere(Component.Toc);
    if (toc !== undefined) return decodeToc(toc, path);
    if (this.#files.status(joinPath(this.#directory, `${this.#prefix}-${TOC_STAGED}`)) !== undefined) {
      throw new CorruptFileError(path, 0, 'not committed: its TOC has its temporary name');
    }
    const start = `${this.#prefix}-`;
    const names = this.#files.list(this.#directory).filter((name) => name.startsWith(start));
    return names.map((name) => name.slice(start.length));
  }

  #path(component: string): string {
    const name = component === Component.Toc && this.#options.isStaged === true ? TOC_STAGED : component;
    return joinPath(this.#directory, `${this.#prefix}-${name}`);
  }

  async #readIfThere(component: string): Promise<Uint8Array | undefined> {
    const isNamed = this.#checksums?.components.has(component) === true;
    if (!isNamed && this.#files.status(this.#path(component)) === undefined) return undefined;
    return await this.#read(component);
  }

  /** All bytes of a small component, verified if a checksum of it is known. */
  async #read(component: string): Promise<Uint8Array> {
    const path = this.#path(component);
    if (this.#files.status(path) === undefined) throw new CorruptFileError(path, 0, 'component is missing');
    const file = this.#files.open(path, OpenMode.Read);
    try {
      const bytes = new Uint8Array(this.#files.sizeOf(file));
      const count = await readAsync(this.#files, file, bytes);
      if (count !== bytes.length) throw new CorruptFileError(path, count, 'file cut short');
      this.#checkSize(component, bytes.length);
      const expected = this.#checksums?.components.get(component);
      if (expected !== undefined && crc32(bytes) !== expected.crc) {
        throw new CorruptFileError(path, 0, 'checksum of the component does not match');
      }
      return bytes;
    } finally {
      this.#files.close(file);
    }
  }

  #checkSize(component: string, sizeBytes: number): void {
    const expected = this.#checksums?.components.get(component);
    if (expected === undefined || expected.sizeBytes === sizeBytes) return;
    const why = `${sizeBytes} bytes where Tessera.db says ${expected.sizeBytes}`;
    throw new CorruptFileError(this.#path(component), Math.min(sizeBytes, expected.sizeBytes), why);
  }

  async #openData(): Promise<BlockFile> {
    const path = this.#path(Component.Data);
    const { file, sizeBytes } = this.#openFile(Component.Data);
    let compression: CompressionInfo | undefined;
    let checksums: BlockChecksums | undefined;
    const info = await this.#readIfThere(Component.CompressionInfo);
    if (info !== undefined) {
      compression = decodeCompressionInfo(info, this.#path(Component.CompressionInfo), this.#version, sizeBytes);
    } else if (this.#checksums !== undefined) {
      checksums = { blockBytes: this.#checksums.blockBytes, crcs: this.#checksums.dataBlocks };
    } else {
      const crc = await this.#readIfThere(Component.Crc);
      if (crc !== undefined) {
        const { chunkBytes, crcs } = decodeCrc(crc, this.#path(Component.Crc), sizeBytes);
        checksums = { blockBytes: chunkBytes, crcs };
      }
    }
    return new BlockFile(path, file, this.#newFileId(), sizeBytes, compression, checksums);
  }

  async #openIndex(data: BlockFile, source: BlockSource): Promise<LoadedIndex> {
    const path = this.#path(Component.Index);
    const { file, sizeBytes } = this.#openFile(Component.Index);
    const known = this.#checksums;
    const checksums = known === undefined ? undefined : { blockBytes: known.blockBytes, crcs: known.indexBlocks };
    const index = new BlockFile(path, file, this.#newFileId(), sizeBytes, undefined, checksums);
    const sample = (await this.#readSummary(sizeBytes)) ?? (await rebuildSummary(index, data.sizeBytes, source));
    return { index: new SummaryIndex(index, sample.entries), firstKey: sample.firstKey, lastKey: sample.lastKey };
  }

  async #openTries({ partitioner }: Statistics, mapping: SchemaMapping): Promise<LoadedIndex> {
    const path = this.#path(Component.Partitions);
    const { file, sizeBytes } = this.#openFile(Component.Partitions);
    const tail = await this.#readEnd(path, file, sizeBytes, PARTITION_TRIE_TAIL_BYTES);
    const keysAt = keysPosition(tail, path, sizeBytes);
    const end = await this.#readEnd(path, file, sizeBytes, sizeBytes - keysAt);
    const { firstKey, lastKey, root, partitionCount } = decodePartitionTrieFooter(end, path, keysAt);
    const partitions = new BlockFile(path, file, this.#newFileId(), sizeBytes, undefined, undefined);
    const order = TRIE_ORDERS[partitioner] ?? TrieOrder.Other;
    const keyColumns = this.#version.hasKeyColumnsInTries ? mapping.comparableKey : undefined;
    const clustering = mapping.comparableClustering;
    const rows = this.#openRows();
    const index = new TrieIndex(partitions, rows, root, partitionCount, order, keyColumns, clustering);
    return { index, firstKey, lastKey };
  }

  /** It is empty when no partition has an index of its rows. */
  #openRows(): BlockFile | undefined {
    const path = this.#path(Component.Rows);
    if (this.#files.status(path)?.sizeBytes === 0) return undefined;
    const { file, sizeBytes } = this.#openFile(Component.Rows);
    return new BlockFile(path, file, this.#newFileId(), sizeBytes, undefined, undefined);
  }

  async #readEnd(path: string, file: FileDescriptor, sizeBytes: number, length: number): Promise<Uint8Array> {
    if (sizeBytes < length) throw new CorruptFileError(path, sizeBytes, 'file cut short');
    const bytes = new Uint8Array(length);
    const count = await readAsync(this.#files, file, bytes, sizeBytes - length);
    if (count !== length) throw new CorruptFileError(path, sizeBytes - length + count, 'file cut short');
    return bytes;
  }

  #openFile(component: string): { readonly file: FileDescriptor; readonly sizeBytes: number } {
    const path = this.#path(component);
    if (this.#files.status(path) === undefined) throw new CorruptFileError(path, 0, 'component is missing');
    const file = this.#files.open(path, OpenMode.Read);
    this.#opened.push(file);
    const sizeBytes = this.#files.sizeOf(file);
    this.#checkSize(component, sizeBytes);
    if (sizeBytes === 0) throw new CorruptFileError(path, 0, 'file is empty');
    return { file, sizeBytes };
  }

  #newFileId(): number {
    return this.#options.cache?.newFileId() ?? -1;
  }

  /** Undefined when there is no Summary.db, or a damaged one in a file of others: it is made anew from Index.db then. */
  async #readSummary(indexBytes: number): Promise<KeySample | undefined> {
    const bytes = await this.#readIfThere(Component.Summary);
    if (bytes === undefined) return undefined;
    try {
      const summary = decodeSummary(bytes, this.#path(Component.Summary), indexBytes);
      return summary.entries.count === 0 ? undefined : summary;
    } catch (error) {
      if (this.#checksums !== undefined || !(error instanceof CorruptFileError)) throw error;
      return undefined;
    }
  }
}

async function rebuildSummary(index: BlockFile, dataBytes: number, source: BlockSource): Promise<KeySample> {
  const walker = new IndexWalker(index, dataBytes, source, REBUILD_READ_BYTES);
  const entries = new SummaryEntries();
  let firstKey = NO_KEY;
  let lastKey = NO_KEY;
  try {
    for (let count = 0; ; ) {
      const walk = walker.next();
      if (walk === Walk.NeedsLoad) await walker.window.load();
      if (walk === Walk.End) break;
      if (walk !== Walk.Entry) continue;
      const { keyStart, keyEnd } = walker.entry;
      const { bytes } = walker.window;
      if (count % INDEX_INTERVAL === 0) entries.add(bytes, keyStart, keyEnd, walker.position);
      if (count === 0) firstKey = bytes.slice(keyStart, keyEnd);
      lastKey = bytes.slice(keyStart, keyEnd);
      count++;
    }
  } finally {
    walker.close();
  }
  return { entries, firstKey, lastKey };
}

function readAsync(files: Files, file: FileDescriptor, into: Uint8Array, position = 0): Promise<number> {
  return new Promise((resolve, reject) => {
    if (into.length === 0) {
      resolve(0);
      return;
    }
    files.read(file, into, 0, into.length, position, (error, count) => {
      if (error === undefined) resolve(count);
      else reject(error);
    });
  });
}

const NO_KEY = new Uint8Array(0);
const REBUILD_READ_BYTES: number = 64 * 1024;
