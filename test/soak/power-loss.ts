import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { SimRandom } from '../sim/sim-random.ts';
import { startNode } from '../support/start-node.ts';
import { CrashOracle } from './crash-oracle.ts';
import { ScratchMount } from './scratch-mount.ts';
import type { Figures, SoakContext } from './suite.ts';

const IMAGE_MIB = 512;
const ARGS = ['--commitlog-sync', 'batch', '--memtable-total-space-in-mb', '8', '--commitlog-segment-size-in-mb', '1'];

/**
 * Rounds of power loss under load (reliability C-3): the node is stopped, its device copied, the node killed, and the next one
 * starts on the copy, which lacks all that the kernel had not written. In batch mode every acknowledged write must be there.
 */
export async function powerLoss({ volumes, seed }: SoakContext): Promise<Figures> {
  const mount = await ScratchMount.image(IMAGE_MIB);
  const oracle = new CrashOracle();
  const random = new SimRandom(seed);
  let slowestStartMs = 0;
  try {
    for (let round = 0; round <= volumes.powerLossRounds; round++) {
      const workdir = join(mount.path, 'node');
      const node = await startNode({
        workdir,
        shards: 2,
        args: [...ARGS, '--api-port', '0', '--prometheus-port', '0'],
      }).catch((error: Error) => {
        throw new Error(`seed ${seed}, start after round ${round}: ${error.message}`, { cause: error });
      });
      slowestStartMs = Math.max(slowestStartMs, node.ready.startMs);
      try {
        if (round === 0) await oracle.createSchema(node);
        await oracle.verify(node);
        if (round === volumes.powerLossRounds) break;
        const writing = oracle.write(node, () => false);
        if (round % 2 === 0) {
          const flush = `http://127.0.0.1:${node.ready.api!.port}/storage_service/flush`;
          fetch(flush, { method: 'POST' }).catch(() => undefined); // the node may be gone
        }
        // A writer that fails while the node lives ends the round; the pause does not hide it.
        await Promise.race([pause(500 + random.next() * 2000), writing]);
        node.process.kill('SIGSTOP');
        mount.copyImage();
        await node.kill();
        await writing;
        await mount.goOnFromCopy();
      } catch (error) {
        throw new Error(`seed ${seed}, round ${round}: ${(error as Error).message}\n${node.log()}`, { cause: error });
      } finally {
        await node.kill();
      }
    }
    return { rounds: volumes.powerLossRounds, acknowledgedWrites: oracle.acknowledgedWrites, slowestStartMs };
  } finally {
    await mount.remove();
  }
}
