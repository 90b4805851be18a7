import { existsSync, readFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { ALL_ROWS, type PartitionSlice } from '../core/read/slice.ts';

import { ALL_TOKENS } from '../core/token.ts';
import { NodeFiles } from '../shards/host/node-files.ts';
import { SimFiles } from '../test/sim/sim-files.ts';
import { BlockWindow, More } from './block-window.ts';
import { SSTable } from './reader.ts';
import { drain } from './testing/content-lines.ts';
import { SSTableWriter } from './writer.ts';

const FIXTURES: string = resolve(dirname(fileURLToPath(import.meta.url)), '../../shared/fixtures/sstables');
const WHOLE: PartitionSlice = { slices: [ALL_ROWS], isReversed: false, wantsRows: true, wantsStatics: true };

interface Case {
  readonly name: string;
  readonly prefix: string;
}

/** Files in versions whose Data.db and Index.db have the bytes of `me`. */
function loadCases(): Case[] {
  if (!existsSync(FIXTURES)) return [];
  const list = JSON.parse(readFileSync(join(FIXTURES, 'cases.json'), 'utf8')) as { case: string; readable: boolean }[];
  return list
    .filter((entry) => entry.readable)
    .flatMap((entry) => {
      const expected = JSON.parse(readFileSync(join(FIXTURES, entry.case, 'expected.json'), 'utf8')) as {
        sstables: { prefix: string; version: string; statistics: { partitioner: string } }[];
      };
      return expected.sstables
        .filter(({ version, statistics }) => /^m[a-e]$/.test(version) && /Murmur3/.test(statistics.partitioner))
        .map(({ prefix }) => ({ name: entry.case, prefix }));
    });
}

/**
 * Why a file written from the same rows has other bytes. Everything else must be byte-equal.
 */
const DIFFERENT: Readonly<Record<string, string>> = {
  mc_cass_negative_expiration_1: 'expiry times that overflowed are read as long expired',
  mc_cass_negative_expiration_4: 'the same',
  mc_w_shadowable_deletion: "shadowable deletions are written in Cassandra's form",
};
/** Refused by a reader that is to hand rows on. */
const REFUSED: Readonly<Record<string, RegExp>> = { mb_cass_duplicate_rows: /rows out of order/ };

function uncompressed(sstable: SSTable, which: 'data' | 'index'): Buffer {
  const window = new BlockWindow(
    which === 'data' ? sstable.parts.data : sstable.parts.index.files[0]!,
    sstable.parts.source,
    65_536,
  );
  window.seek(0);
  while (window.more() === More.Added);
  return Buffer.from(window.bytes.slice(window.pos, window.end));
}

describe.skipIf(!existsSync(FIXTURES))('rewriting files of others (skipped where the fixtures are not there)', () => {
  test.each(loadCases())('$name $prefix gives the same Data.db and Index.db', async ({ name, prefix }) => {
    const source = await SSTable.open(new NodeFiles(), join(FIXTURES, name, `${prefix}-Data.db`), { isBlocking: true });
    const files = new SimFiles((operation) => queueMicrotask(operation));
    files.makeDirectory('/data');
    const { header } = source.statistics;
    const writer = new SSTableWriter(files, source.table, {
      directory: '/data',
      identifier: '1',
      expectedPartitions: source.partitionCount,
      base: header,
    });
    const copied = drain(source.openScan(ALL_TOKENS, WHOLE), (batch) => writer.append(batch));
    if (REFUSED[name] !== undefined) {
      await expect(copied).rejects.toThrow(REFUSED[name]);
      source.close();
      return;
    }
    await copied;
    const info = writer.finish()!;
    writer.commit();
    const written = await SSTable.open(files, info.dataPath, { isBlocking: true });
    expect(uncompressed(written, 'data').equals(uncompressed(source, 'data'))).toBe(DIFFERENT[name] === undefined);
    if (DIFFERENT[name] === undefined) {
      expect(uncompressed(written, 'index').equals(uncompressed(source, 'index'))).toBe(true);
    }
    written.close();
    source.close();
  });
});
