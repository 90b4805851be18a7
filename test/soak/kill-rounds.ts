import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startNode } from '../support/start-node.ts';
import { CrashOracle } from './crash-oracle.ts';

export interface KillReport {
  readonly mode: string;
  readonly rounds: number;
  readonly acknowledgedWrites: number;
  /** From the start of the process to its first query, milliseconds. */
  readonly slowestStartMs: number;
}

/**
 * Rounds of kill -9 under load on one data directory: every acknowledged write is there after the restart, and none is torn
 * (reliability C-1). Memtables are small, so that flushes and compactions are under way when the node dies; every third round also
 * flushes by the API.
 */
export async function killRounds(
  rounds: number,
  mode: 'periodic' | 'batch' | 'group',
  seed: number,
): Promise<KillReport> {
  const workdir = mkdtempSync(join(tmpdir(), 'tessera-kill-'));
  const oracle = new CrashOracle();
  const random = numbers(seed);
  let slowestStartMs = 0;
  const args = ['--commitlog-sync', mode, '--memtable-total-space-in-mb', '8', '--commitlog-segment-size-in-mb', '1'];
  try {
    for (let round = 0; round < rounds; round++) {
      const node = await startNode({
        workdir,
        shards: 2,
        args: [...args, '--api-port', '0', '--prometheus-port', '0'],
      });
      slowestStartMs = Math.max(slowestStartMs, node.ready.startMs);
      try {
        if (round === 0) await oracle.createSchema(node);
        await oracle.verify(node);
        const lifeMs = 200 + random() * 1300;
        const killed = new Promise<void>((done) =>
          setTimeout(() => {
            void node.kill().then(done);
          }, lifeMs),
        );
        if (round % 3 === 0 && node.ready.api !== null) {
          const { address, port } = node.ready.api;
          fetch(`http://${address}:${port}/storage_service/flush`, { method: 'POST' }).catch(() => undefined); // the node may be gone
        }
        await oracle.write(node, () => false);
        await killed;
      } catch (error) {
        throw new Error(`round ${round}, seed ${seed}, mode ${mode}: ${(error as Error).message}\n${node.log()}`);
      } finally {
        if (node.process.exitCode === null && node.process.signalCode === null) await node.kill();
      }
    }
    const last = await startNode({ workdir, shards: 2, args });
    await oracle.verify(last);
    await last.stop();
    return { mode, rounds, acknowledgedWrites: oracle.acknowledgedWrites, slowestStartMs };
  } finally {
    rmSync(workdir, { recursive: true, force: true });
  }
}

function numbers(seed: number): () => number {
  let state = seed >>> 0 || 1;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) / 0x1_0000_0000;
  };
}

if (import.meta.main) {
  const [rounds = '10', mode = 'batch', seed = String(Date.now() % 1_000_000)] = process.argv.slice(2);
  const report = await killRounds(Number(rounds), mode as 'batch', Number(seed));
  process.stdout.write(`${JSON.stringify({ seed: Number(seed), ...report })}\n`);
}
