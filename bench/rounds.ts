import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Child, startChild, startNodeChild, stopChild } from './child.ts';
import { type LoadReport, loadOptions, runLoad } from './load/run.ts';

const SHAPES: readonly (readonly [connections: number, depth: number])[] = [
  [1, 1],
  [16, 1],
  [128, 1],
  [16, 32],
  [128, 32],
];
const POPULATION = 200_000;

/** Rounds of echo, writes and reads in every shape, interleaved: ratios of one run count, nothing else (performance guide §11). */
export async function benchRounds(rounds: number, seconds: number, shards: number): Promise<object> {
  const workdir = mkdtempSync(join(tmpdir(), 'tessera-bench-'));
  const node = await startNodeChild(workdir, shards);
  const echo = await startChild(['bench/load/echo-server.ts']);
  const reports: (LoadReport & { readonly round: number })[] = [];
  try {
    await fill(node, POPULATION);
    for (let round = 0; round < rounds; round++) {
      for (const shape of SHAPES) {
        for (const workload of ['echo', 'write', 'read'] as const) {
          const { port, pid } = workload === 'echo' ? echo : node;
          const [connections, depth] = shape;
          const more = { connections, depth, durationMs: seconds * 1000, population: POPULATION };
          const report = await runLoad(loadOptions(workload, port, pid, more));
          reports.push({ round, ...report });
          printReport(shape.join(':'), report);
        }
      }
    }
  } finally {
    await stopChild(node);
    await stopChild(echo);
    rmSync(workdir, { recursive: true, force: true });
  }
  return { shards, reports };
}

/** Writes every key of the population once. */
export async function fill(node: Child, population: number): Promise<void> {
  const more = {
    depth: 32,
    distribution: 'sequential',
    operations: population,
    durationMs: 600_000,
    warmupMs: 0,
  } as const;
  const report = await runLoad(loadOptions('write', node.port, node.pid, { ...more, population }));
  if (report.errors > 0) throw new Error(`${report.errors} writes failed: ${report.firstError}`);
}

/** One line for people. */
export function printReport(label: string, report: LoadReport): void {
  const { workload, operationsPerSecond, nodeCpuUsPerOperation, latencyUs, errors, empty, wrong } = report;
  process.stdout.write(
    `${workload.padEnd(6)} ${label.padEnd(10)} ${String(operationsPerSecond).padStart(9)} /s ` +
      `${String(nodeCpuUsPerOperation).padStart(7)} us CPU  p50 ${latencyUs.p50} p99 ${latencyUs.p99} us` +
      `${errors + empty + wrong === 0 ? '' : `  errors ${errors} empty ${empty} wrong ${wrong}`}\n`,
  );
}
