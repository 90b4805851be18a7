import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startNodeChild, stopChild } from './child.ts';
import { residentBytes } from './load/process-cpu.ts';
import { loadOptions, runLoad } from './load/run.ts';
import { MetricsSample } from './metrics.ts';
import { fill, printReport } from './rounds.ts';

const ROWS = 1_000_000;
/** Small, so that memtables are flushed and SSTables compacted all the time. */
const BACKGROUND = ['--memtable-total-space-in-mb', '48', '--commitlog-segment-size-in-mb', '8'];
const LONG_TURN_US = 10_000;

/**
 * What flush, compaction and garbage collection do to those who wait (design §5): reads and writes of a million rows as fast as they
 * go, then at half that rate, open loop. And what a node holds in memory after a million rows.
 */
export async function benchBackground(seconds: number, shards: number): Promise<object> {
  const workdir = mkdtempSync(join(tmpdir(), 'tessera-bench-'));
  const node = await startNodeChild(workdir, shards, ...BACKGROUND);
  try {
    const emptyBytes = residentBytes(node.pid);
    await fill(node, ROWS);
    const filledBytes = residentBytes(node.pid);
    const mixed = { depth: 4, population: ROWS, durationMs: seconds * 1000 };
    const closed = await runLoad(loadOptions('mixed', node.port, node.pid, mixed));
    printReport('maximum', closed);
    const rate = Math.floor(closed.operationsPerSecond / 2);
    const before = await MetricsSample.take(node);
    const open = await runLoad(loadOptions('mixed', node.port, node.pid, { ...mixed, rate, warmupMs: 2000 }));
    const after = await MetricsSample.take(node);
    printReport('half', open);
    const turns = {
      p50Us: after.turnUs(before, 0.5),
      p99Us: after.turnUs(before, 0.99),
      p999Us: after.turnUs(before, 0.999),
      above10Ms: after.turnsAbove(before, LONG_TURN_US),
    };
    const work = {
      flushes: after.value('tessera_memtable_flushes') - before.value('tessera_memtable_flushes'),
      compactions: after.value('tessera_compactions') - before.value('tessera_compactions'),
    };
    const tail = ratio(open.latencyUs.p99, open.latencyUs.p50);
    process.stdout.write(`p99 / p50 ${tail}; turns ${JSON.stringify(turns)}; ${JSON.stringify(work)}\n`);
    process.stdout.write(`resident: ${mib(emptyBytes)} MiB empty, ${mib(filledBytes)} after ${ROWS} rows\n`);
    return { shards, rows: ROWS, emptyBytes, filledBytes, closed, open, turns, work };
  } finally {
    await stopChild(node);
    rmSync(workdir, { recursive: true, force: true });
  }
}

const ratio = (a: number | undefined, b: number | undefined): number => Math.round(((a ?? 0) / (b ?? 1)) * 10) / 10;
const mib = (bytes: number | undefined): number => Math.round((bytes ?? 0) / (1 << 20));
