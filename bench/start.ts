import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { type Child, portOf, startNodeChild, stopChild } from './child.ts';
import { residentBytes } from './load/process-cpu.ts';
import { MetricsSample } from './metrics.ts';
import { fill } from './rounds.ts';

const MIB = 1 << 20;
const DATA_BYTES = 1024 * MIB;
const LOG_BYTES = 64 * MIB;
/** A row of the workload: key and value; and what it takes in the log. */
const DATA_ROW_BYTES = 116;
const LOG_ROW_BYTES = 160;
const ROUNDS = 7;
const QUIET_MS = 2000;

/**
 * From the start of the process to its first query (settled question 24), and memory at rest: of an empty node, and of one with 1 GiB in
 * SSTables that was killed with 64 MiB in its log.
 */
export async function benchStart(shards: number): Promise<object> {
  const workdir = mkdtempSync(join(tmpdir(), 'tessera-bench-'));
  try {
    const empty: number[] = [];
    let idleBytes = 0;
    for (let round = 0; round < ROUNDS; round++) {
      const node = await startNodeChild(workdir, shards);
      empty.push(startMs(node));
      if (round === ROUNDS - 1) {
        await pause(QUIET_MS); // at rest is without what start-up has left to be collected
        idleBytes = residentBytes(node.pid) ?? 0;
      }
      await stopChild(node);
    }
    process.stdout.write(`empty: started in ${empty.join(' ')} ms; at rest ${Math.round(idleBytes / MIB)} MiB\n`);
    let node = await startNodeChild(workdir, shards);
    await fill(node, Math.ceil(DATA_BYTES / DATA_ROW_BYTES));
    await flush(node);
    await fill(node, Math.ceil(LOG_BYTES / LOG_ROW_BYTES));
    await pause(QUIET_MS); // shards report from time to time
    const sample = await MetricsSample.take(node);
    const logBytes = sample.value('tessera_commitlog_disk_total_bytes');
    const diskBytes = sample.value('tessera_live_disk_space_bytes');
    await stopChild(node, 'SIGKILL');
    node = await startNodeChild(workdir, shards);
    const full = startMs(node);
    await stopChild(node, 'SIGKILL');
    process.stdout.write(
      `1 GiB (${Math.round(diskBytes / MIB)} MiB compressed), log of ${Math.round(logBytes / MIB)} MiB: started in ${full} ms\n`,
    );
    return { shards, emptyMs: empty, idleBytes, fullMs: full, logBytes, diskBytes };
  } finally {
    rmSync(workdir, { recursive: true, force: true });
  }
}

const startMs = (node: Child): number => node.facts.startMs as number;

async function flush(node: Child): Promise<void> {
  const response = await fetch(`http://127.0.0.1:${portOf(node, 'api')}/storage_service/flush`, { method: 'POST' });
  if (!response.ok) throw new Error(`flush: ${response.status}`);
}
