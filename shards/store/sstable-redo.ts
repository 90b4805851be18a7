import type { LogExamination } from '../../commitlog/examine.ts';
import { RecordKind } from '../../commitlog/record-kind.ts';
import { replayLog } from '../../commitlog/replay.ts';
import { decodeSstableSet, decodeTruncate, type SstableSetRecord } from '../../commitlog/table-records.ts';
import type { Files } from '../../core/ports/files.ts';
import { type Log, LogLevel } from '../../core/ports/log.ts';
import { commitSSTables, listSSTables, removeSSTable } from '../../sstable/commit.ts';
import { generationOfPrefix } from './generation.ts';

/** What one shard's log tells of one table's SSTables. */
interface TableHistory {
  readonly writer: number;
  readonly records: SstableSetRecord[];
  /** Records before this one were followed by a truncation: what they added is void, and may be half removed. */
  truncatedAt: number;
}

/**
 * Finishes the SSTable transactions of a log (settled question 27). A record that is durable was committed, whatever its names
 * say: what it adds and no record removes must be there, what it removes must go.
 */
export class SSTableRedo {
  /** By table; of former shards that this one answers for too, each by itself: a truncation is for its own log. */
  readonly #tables = new Map<string, TableHistory[]>();
  /** Generations that some record removes. */
  readonly #removed = new Set<string>();

  /** @throws CorruptFileError, UnsupportedFormatError, FileOperationError */
  async read(files: Files, examination: LogExamination): Promise<void> {
    let writer = -1;
    await replayLog(files, examination, {
      segment: (_segment, shard) => {
        writer = shard;
      },
      record: (kind, cursor) => {
        if (kind === RecordKind.SstableSet) {
          const record = decodeSstableSet(cursor);
          this.#historyOf(record.tableId, writer).records.push(record);
          for (const generation of record.removed) this.#removed.add(generation);
        } else if (kind === RecordKind.Truncate) {
          const history = this.#historyOf(decodeTruncate(cursor).tableId, writer);
          history.truncatedAt = history.records.length;
        }
      },
    });
  }

  /** Brings the names in a table's directory up to the records. Blocking. @throws FileOperationError */
  apply(files: Files, log: Log, tableId: string, directory: string): void {
    const histories = this.#tables.get(tableId);
    if (histories === undefined || files.status(directory) === undefined) return;
    const { committed, unfinished } = listSSTables(files, directory);
    const prefixOf = new Map<string, string>();
    for (const prefix of [...committed, ...unfinished]) prefixOf.set(generationOfPrefix(prefix), prefix);
    const visible = new Set(committed);

    const redo = ({ added, removed }: SstableSetRecord, isTruncated: boolean): void => {
      let isWhole = true;
      for (const generation of added) {
        if (isTruncated || this.#removed.has(generation)) continue;
        const prefix = prefixOf.get(generation);
        if (prefix === undefined) {
          isWhole = false;
          const message = `SSTable ${generation} is not in ${directory}: another shard has compacted it since, or it was removed`;
          log.write(LogLevel.Warn, 'store', message);
        } else if (!visible.has(prefix)) {
          commitSSTables(files, directory, [prefix]);
          visible.add(prefix);
        }
      }
      for (const generation of removed) {
        const prefix = prefixOf.get(generation);
        if (prefix === undefined) continue;
        if (isWhole) removeSSTable(files, directory, prefix);
        // What should have replaced it is gone: the older state is better than none.
        else log.write(LogLevel.Error, 'store', `keeping ${directory}/${prefix}, whose replacement is missing`);
      }
    };
    for (const { records, truncatedAt } of histories) {
      for (let i = 0; i < records.length; i++) redo(records[i]!, i < truncatedAt);
    }
  }

  #historyOf(tableId: string, writer: number): TableHistory {
    let histories = this.#tables.get(tableId);
    if (histories === undefined) {
      histories = [];
      this.#tables.set(tableId, histories);
    }
    let history = histories.find((each) => each.writer === writer);
    if (history === undefined) {
      history = { writer, records: [], truncatedAt: 0 };
      histories.push(history);
    }
    return history;
  }
}
