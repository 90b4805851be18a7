import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { type RunningNode, startNode } from '../support/start-node.ts';
import { commitlogDump } from '../../tools/commitlog-dump.ts';
import { CrashOracle } from './crash-oracle.ts';
import { claim, type Figures, type SoakContext } from './suite.ts';

const DRAIN_LIMIT_MS = 10_000;
/** Memtables below 64 KiB stay in the log at a drain (settled question 11); each shard may have one for each tablet of a table. */
const LEFT_IN_LOG_BYTES = 8 * 64 * 1024;

/**
 * SIGTERM under load (reliability C-9): the node ends with 0 in time, nothing acknowledged is lost, and what was flushed is not
 * replayed: the log then holds little more than memtables that were too small to be flushed.
 */
export async function drainRounds({ volumes, seed }: SoakContext): Promise<Figures> {
  const workdir = mkdtempSync(join(tmpdir(), 'tessera-drain-'));
  const oracle = new CrashOracle();
  let slowestDrainMs = 0;
  let mostLeftBytes = 0;
  try {
    for (let round = 0; round <= volumes.drains; round++) {
      const node = await startNode({ workdir, shards: 2, args: ['--api-port', '0', '--prometheus-port', '0'] });
      try {
        if (round === 0) await oracle.createSchema(node);
        await oracle.verify(node);
        if (round === volumes.drains) return { rounds: round, slowestDrainMs, mostLeftBytes, ...totals(oracle) };
        const writing = oracle.write(node, () => false);
        await Promise.race([pause(2000), writing]);
        slowestDrainMs = Math.max(slowestDrainMs, await drain(node));
        await writing;
      } catch (error) {
        throw new Error(`seed ${seed}, round ${round}: ${(error as Error).message}\n${node.log()}`, { cause: error });
      } finally {
        await node.kill();
      }
      mostLeftBytes = Math.max(mostLeftBytes, await bytesInLog(workdir));
      claim(mostLeftBytes <= LEFT_IN_LOG_BYTES, `${mostLeftBytes} bytes of mutations are left to replay after a drain`);
    }
    throw new Error('unreachable');
  } finally {
    rmSync(workdir, { recursive: true, force: true });
  }
}

const totals = (oracle: CrashOracle): Figures => ({ acknowledgedWrites: oracle.acknowledgedWrites });

async function drain(node: RunningNode): Promise<number> {
  const startedMs = performance.now();
  const code = await node.stop();
  const ms = Math.round(performance.now() - startedMs);
  claim(code === 0, `SIGTERM ended the node with ${code}`);
  claim(ms <= DRAIN_LIMIT_MS, `the drain took ${ms} ms`);
  return ms;
}
