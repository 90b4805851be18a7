import { expect, test } from 'vitest';
import { checkCas } from './cas-history.ts';
import { Faults } from './faults.ts';
import { checkRegisters } from './register-history.ts';
import { SimCluster } from './sim-cluster.ts';
import { Workload } from './workload.ts';

const SEEDS = 30;
const CLIENTS = 3;
/** Virtual time in which clients and faults are at work. */
const DURATION_MS = 4000;
/** After the last fault, what a node may take to serve again (flushes that failed are tried every 5 s), and the time in which it has to show that. */
const RECOVERY_MS = 8000;
const PROOF_MS = 200;
/** An answer may take so long after the last fault: every request has a deadline below. */
const PATIENCE_MS = 120_000;

function simulationSeeds(): number[] {
  const given = process.env.TESSERA_SEED;
  return given === undefined ? Array.from({ length: SEEDS }, (_, i) => i + 1) : [Number(given)];
}

interface Simulation {
  /** What is wrong with what happened. */
  readonly errors: readonly string[];
  readonly hash: number;
  readonly events: number;
}

/** Two nodes under one seed. */
async function simulate(seed: number): Promise<Simulation> {
  const cluster = new SimCluster(seed, { nodes: 2 });
  const { random } = cluster;
  const runs = cluster.nodes.map((node) => {
    node.sync = random.pick(['batch', 'batch', 'group', 'periodic'] as const);
    const workload = new Workload(cluster, node, random.fork());
    return { node, workload, faults: new Faults(cluster, node, workload, random.fork()) };
  });
  await cluster.run(
    Promise.all(
      runs.map(async ({ node, workload }) => {
        await node.start();
        await workload.prepare();
      }),
    ),
  );
  const clients = runs.flatMap(({ workload }) => Array.from({ length: CLIENTS }, () => workload.client()));
  const faults = runs.map((run) => run.faults.run());
  await cluster.pass(DURATION_MS);
  for (const run of runs) run.faults.isOver = true;
  await cluster.run(Promise.all(faults), PATIENCE_MS);
  for (const { workload } of runs) workload.isOver = true;
  await cluster.run(Promise.all(clients), PATIENCE_MS);
  const workloads = runs.map(({ workload }) => workload);
  const isServing = await recover(cluster, workloads);
  const errors: string[] = [];
  for (const [i, { node, workload, faults: ended }] of runs.entries()) {
    await cluster.run(workload.readAll(), PATIENCE_MS);
    await cluster.run(ended.crashAndStart(true), PATIENCE_MS);
    await cluster.run(workload.readAll(), PATIENCE_MS);
    await cluster.run(node.stop(), PATIENCE_MS);
    const found = [
      ...ended.failures,
      ...workload.surprises,
      ...checkRegisters(workload),
      ...checkCas(workload.casWrites, workload.observations),
    ];
    if (!isServing[i]) found.push(`${RECOVERY_MS} ms after the last fault no write succeeds`);
    errors.push(...found.map((error) => `${node.options.name}, ${node.sync}: ${error}`));
    if (process.env.TESSERA_SIM_REPORT !== undefined) {
      const { writes, reads, casWrites, doneCount } = workload;
      const done = casWrites.filter(({ outcome }) => outcome === 'done').length;
      const facts = { seed, sync: node.sync, writes: writes.length, doneCount, reads: reads.length, cas: done };
      process.stderr.write(`${JSON.stringify({ ...facts, boots: node.boot, ...ended.counts })}\n`);
    }
  }
  if (process.env.TESSERA_SIM_REPORT !== undefined) {
    process.stderr.write(
      `${seed}: ${cluster.trace.count} events, ${cluster.time.nowMs} ms, hash ${cluster.traceHash}\n`,
    );
  }
  return { errors, hash: cluster.traceHash, events: cluster.trace.count };
}

/** After faults and clients have ended: whether each node then carries out writes again. */
async function recover(cluster: SimCluster, workloads: readonly Workload[]): Promise<boolean[]> {
  await cluster.pass(RECOVERY_MS);
  const before = workloads.map(({ doneCount }) => doneCount);
  for (const workload of workloads) workload.isOver = false;
  const clients = workloads.map((workload) => workload.client());
  await cluster.pass(PROOF_MS);
  for (const workload of workloads) workload.isOver = true;
  await cluster.run(Promise.all(clients), PATIENCE_MS);
  return workloads.map(({ doneCount }, i) => doneCount > before[i]!);
}

test.each(simulationSeeds())(
  'whatever befalls a node, it keeps what it acknowledged: TESSERA_SEED=%d',
  async (seed) => {
    const thrown: unknown[] = [];
    const onRejection = (reason: unknown): number => thrown.push(reason);
    process.on('unhandledRejection', onRejection);
    let errors: string[];
    try {
      errors = [...(await simulate(seed)).errors];
    } catch (error) {
      errors = [error instanceof Error ? (error.stack ?? error.message) : String(error)];
    } finally {
      process.off('unhandledRejection', onRejection);
    }
    errors.push(
      ...thrown.map((reason) => (reason instanceof Error ? (reason.stack ?? reason.message) : String(reason))),
    );
    if (errors.length > 0) {
      process.stderr.write(`TESSERA_SEED=${seed} npm run sim -- node: ${errors.length} errors\n`);
      expect.fail(`TESSERA_SEED=${seed} npm run sim -- node\n${errors.slice(0, 10).join('\n')}`);
    }
  },
);

test('one seed is one history, with all its faults', async () => {
  const [seed] = simulationSeeds();
  expect(await simulate(seed!)).toEqual(await simulate(seed!));
});
