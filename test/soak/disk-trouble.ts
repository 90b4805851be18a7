import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { startNode } from '../support/start-node.ts';
import { ScratchMount } from './scratch-mount.ts';
import { SoakClient } from './soak-client.ts';
import { claim, type Figures, type SoakContext } from './suite.ts';

const DISK_MIB = 64;
const VALUE = 'v'.repeat(64 << 10);
/** More writes than the disk can hold. */
const MOST_WRITES = (4 * DISK_MIB * 1024) / 64;
const REFUSALS = 10;
const RECOVERY_MS = 20_000;
const ARGS = ['--memtable-total-space-in-mb', '16', '--commitlog-segment-size-in-mb', '1', '--commitlog-sync', 'batch'];

/**
 * A disk of 64 MiB: writes until it is full are refused with an error that says so, reads go on, and when there is space
 * again the node writes again without a restart. A directory that cannot be written is refused at the start.
 */
export async function diskTrouble(_context: SoakContext): Promise<Figures> {
  const mount = await ScratchMount.memory(DISK_MIB);
  const workdir = join(mount.path, 'node');
  const start = () => startNode({ workdir, shards: 2, args: [...ARGS, '--api-port', '0', '--prometheus-port', '0'] });
  let node = await start();
  try {
    const client = await SoakClient.open(node.ready.cql.port);
    await client.query(
      "CREATE KEYSPACE disk WITH replication = {'class': 'NetworkTopologyStrategy', 'replication_factor': 1}",
    );
    await client.query(
      "CREATE TABLE disk.t (k int PRIMARY KEY, v text) WITH compression = {'sstable_compression': ''}",
    );
    const acknowledged = new Set<number>();
    const attempted = new Set<number>();
    const errors = new Map<string, number>();
    const write = async (k: number): Promise<boolean> => {
      attempted.add(k);
      try {
        await client.query(`INSERT INTO disk.t (k, v) VALUES (${k}, '${k} ${VALUE}')`);
        acknowledged.add(k);
        return true;
      } catch (error) {
        const { message } = error as Error;
        errors.set(message, (errors.get(message) ?? 0) + 1);
        claim(node.process.exitCode === null, `a full disk ended the node: ${message}`);
        return false;
      }
    };
    const verify = async (): Promise<void> => {
      const seen = new Set<number>();
      await client.eachPage('SELECT k, v FROM disk.t', 100, (rows) => {
        for (const [key, value] of rows) {
          const k = key!.readInt32BE(0);
          claim(attempted.has(k) && value!.toString() === `${k} ${VALUE}`, `row ${k} is not what was written`);
          seen.add(k);
        }
      });
      for (const k of acknowledged) claim(seen.has(k), `row ${k} was acknowledged and is missing`);
    };
    let k = 0;
    for (let refused = 0; k < MOST_WRITES && refused < REFUSALS; k++) {
      if (!(await write(k))) refused++;
    }
    claim(errors.size > 0, `${k} writes of 64 KiB went to a disk of ${DISK_MIB} MiB`);
    const acknowledgedOnFull = acknowledged.size;
    const whenFull = [...errors.keys()];
    await verify();
    await mount.remount(`size=${4 * DISK_MIB}m`);
    const until = performance.now() + RECOVERY_MS;
    // Each shard tries its flush again in its own time.
    let inARow = 0;
    while (inARow < 100 && performance.now() < until) {
      inARow = (await write(k++)) ? inARow + 1 : 0;
      if (inARow === 0) await pause(50);
    }
    const last = [...errors.keys()].at(-1);
    claim(inARow === 100, `writes still fail ${RECOVERY_MS} ms after there is space again: ${last}`);
    await verify();
    client.close();
    claim((await node.stop()) === 0, 'SIGTERM after a full disk did not end well');

    await mount.remount('ro');
    const refusal = await start().then(
      () => undefined,
      (error: Error) => error.message,
    );
    claim(refusal !== undefined, 'a node started on a read-only disk');
    claim(/code [1-9]/.test(refusal) && /EROFS|read-only/i.test(refusal), `the refusal is unclear: ${refusal}`);
    claim(!/code 70/.test(refusal), `a read-only disk was taken for a bug: ${refusal}`);
    await mount.remount('rw');
    node = await start();
    const again = await SoakClient.open(node.ready.cql.port);
    const count = (await again.rows('SELECT k FROM disk.t')).length;
    claim(count >= acknowledged.size && count <= attempted.size, `${count} rows of ${acknowledged.size} are back`);
    again.close();
    // Last, so that all the rest is looked at first.
    const unclear = [...whenFull].filter((message) => !/space|full|ENOSPC/i.test(message));
    claim(unclear.length === 0, `the error does not say that the disk is full: ${unclear[0]}`);
    return { acknowledgedOnFull, acknowledged: acknowledged.size, errors: Object.fromEntries(errors) };
  } catch (error) {
    throw new Error(`${(error as Error).message}\n${node.log()}`, { cause: error });
  } finally {
    await node.kill();
    await mount.remove();
  }
}
