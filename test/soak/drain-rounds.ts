import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { type RunningNode, startNode } from '../support/start-node.ts';
import { CrashOracle } from './crash-oracle.ts';
import { claim, type Figures, type SoakContext } from './suite.ts';

const ARGS = ['--api-port', '0', '--prometheus-port', '0'];
const DRAIN_LIMIT_MS = 10_000;
/** Of each of the two tablets at most these are left to the log, in a memtable below 64 KiB (settled question 11). */
const MOST_REPLAYED = 2 * 512;

/**
 * SIGTERM under load (reliability C-9): the node ends with 0 in time, nothing acknowledged is lost, and what was flushed is not
 * replayed: the next start replays no more than memtables that were too small to be flushed, and nothing after a flush.
 */
export async function drainRounds({ volumes, seed }: SoakContext): Promise<Figures> {
  const workdir = mkdtempSync(join(tmpdir(), 'tessera-drain-'));
  const oracle = new CrashOracle();
  let slowestDrainMs = 0;
  let mostReplayed = 0;
  try {
    for (let round = 0; round <= volumes.drains; round++) {
      const node = await startNode({ workdir, shards: 2, args: ARGS });
      try {
        mostReplayed = Math.max(mostReplayed, replayedBy(node));
        claim(mostReplayed <= MOST_REPLAYED, `${mostReplayed} mutations are replayed after a drain`);
        if (round === 0) await oracle.createSchema(node);
        await oracle.verify(node);
        if (round < volumes.drains) {
          const writing = oracle.write(node, () => false);
          await Promise.race([pause(2000), writing]);
          slowestDrainMs = Math.max(slowestDrainMs, await drain(node));
          await writing;
        } else {
          const flush = `http://127.0.0.1:${node.ready.api!.port}/storage_service/flush`;
          claim((await fetch(flush, { method: 'POST' })).ok, 'the flush failed');
          await drain(node);
        }
      } catch (error) {
        throw new Error(`seed ${seed}, round ${round}: ${(error as Error).message}\n${node.log()}`, { cause: error });
      } finally {
        await node.kill();
      }
    }
    const last = await startNode({ workdir, shards: 2, args: ARGS });
    try {
      claim(replayedBy(last) === 0, `${replayedBy(last)} mutations are replayed although all were flushed`);
      await oracle.verify(last);
    } finally {
      await last.kill();
    }
    const { acknowledgedWrites } = oracle;
    return { rounds: volumes.drains, slowestDrainMs, mostReplayed, acknowledgedWrites };
  } finally {
    rmSync(workdir, { recursive: true, force: true });
  }
}

/** Mutations that the node took from its log when it started. */
function replayedBy(node: RunningNode): number {
  return Number(/replayed (\d+) mutations/.exec(node.log())?.[1] ?? 0);
}

async function drain(node: RunningNode): Promise<number> {
  const startedMs = performance.now();
  const code = await node.stop();
  const ms = Math.round(performance.now() - startedMs);
  claim(code === 0, `SIGTERM ended the node with ${code}`);
  claim(ms <= DRAIN_LIMIT_MS, `the drain took ${ms} ms`);
  return ms;
}
