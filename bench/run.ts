import { type ChildProcess, spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { cpus, tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { type LoadOptions, type LoadReport, runLoad } from './load/run.ts';

/**
 * `npm run bench -- micro [NAME…]` runs the micro-benchmarks; `npm run bench -- load [--rounds N] [--seconds N] [--smp N]` measures a
 * node beside the echo server, interleaved, and writes `bench/results/load.json`. Ratios of one run count, nothing else
 * (performance guide §11).
 */
const root = resolve(import.meta.dirname, '..');
const SHAPES: readonly (readonly [connections: number, depth: number])[] = [
  [1, 1],
  [16, 1],
  [128, 1],
  [16, 32],
  [128, 32],
];
const POPULATION = 200_000;

interface Running {
  readonly process: ChildProcess;
  readonly pid: number;
  readonly port: number;
}

/** Starts a child and reads the one line of JSON that it prints when it is ready. */
async function start(args: readonly string[]): Promise<Running & { readonly line: Record<string, unknown> }> {
  const child = spawn(process.execPath, args, { cwd: root, stdio: ['pipe', 'pipe', 'ignore'] });
  const line = await new Promise<string>((found, failed) => {
    createInterface({ input: child.stdout }).once('line', found);
    child.once('exit', (code) => failed(new Error(`${args.join(' ')} ended with ${code}`)));
  });
  const facts = JSON.parse(line) as Record<string, unknown>;
  const port = (facts.cql as { port: number } | undefined)?.port ?? (facts.port as number);
  return { process: child, pid: facts.pid as number, port, line: facts };
}

function stop({ process: child }: Running): Promise<void> {
  return new Promise((done) => {
    child.once('exit', () => done());
    child.kill('SIGTERM');
  });
}

async function benchLoad(rounds: number, seconds: number, shards: number): Promise<void> {
  const workdir = mkdtempSync(join(tmpdir(), 'tessera-bench-'));
  const node = await start([
    'tools/tessera.js',
    'node',
    '--workdir',
    workdir,
    '--native-transport-port',
    '0',
    '--smp',
    String(shards),
    '--print-ready',
  ]);
  const echo = await start(['bench/load/echo-server.ts']);
  const reports: (LoadReport & { readonly round: number })[] = [];
  const options = (
    workload: LoadOptions['workload'],
    target: Running,
    shape: readonly [number, number],
  ): LoadOptions => ({
    workload,
    host: '127.0.0.1',
    port: target.port,
    pid: target.pid,
    connections: shape[0],
    depth: shape[1],
    durationMs: seconds * 1000,
    warmupMs: 1000,
    rate: 0,
    population: POPULATION,
    distribution: 'uniform',
    readShare: 0.5,
    seed: 1,
    operations: 0,
  });
  try {
    await runLoad({
      ...options('write', node, [16, 32]),
      distribution: 'sequential',
      operations: POPULATION,
      durationMs: 60_000,
    });
    for (let round = 0; round < rounds; round++) {
      for (const shape of SHAPES) {
        for (const [workload, target] of [
          ['echo', echo],
          ['write', node],
          ['read', node],
        ] as const) {
          const report = await runLoad(options(workload, target, shape));
          reports.push({ round, ...report });
          const { operationsPerSecond, nodeCpuUsPerOperation, latencyUs, errors, empty, wrong } = report;
          process.stdout.write(
            `${workload.padEnd(6)} ${shape.join(':').padEnd(7)} ${String(operationsPerSecond).padStart(9)} /s ` +
              `${String(nodeCpuUsPerOperation).padStart(7)} us CPU  p50 ${latencyUs.p50} p99 ${latencyUs.p99} us` +
              `${errors + empty + wrong === 0 ? '' : `  errors ${errors} empty ${empty} wrong ${wrong}`}\n`,
          );
        }
      }
    }
  } finally {
    await stop(node);
    echo.process.kill('SIGTERM');
    rmSync(workdir, { recursive: true, force: true });
  }
  const machine = { cpu: cpus()[0]?.model ?? 'unknown', cores: cpus().length, node: process.version, shards };
  mkdirSync(join(root, 'bench/results'), { recursive: true });
  writeFileSync(join(root, 'bench/results/load.json'), `${JSON.stringify({ machine, reports }, null, 1)}\n`);
}

async function benchMicro(names: readonly string[]): Promise<void> {
  const directory = join(root, 'bench/micro');
  const files = readdirSync(directory).filter((file) => file.endsWith('.bench.ts'));
  for (const file of files.filter((each) => names.length === 0 || names.includes(each.replace('.bench.ts', '')))) {
    process.stdout.write(`\n${file}\n`);
    const child = spawn(process.execPath, [join(directory, file)], { stdio: 'inherit' });
    const code = await new Promise<number | null>((done) => child.once('exit', done));
    if (code !== 0) throw new Error(`${file} ended with ${code}`);
  }
}

const [what = 'load', ...rest] = process.argv.slice(2);
const option = (name: string, fallback: number): number => {
  const at = rest.indexOf(`--${name}`);
  return at < 0 ? fallback : Number(rest[at + 1]);
};
if (what === 'micro') await benchMicro(rest);
else if (what === 'load') await benchLoad(option('rounds', 3), option('seconds', 5), option('smp', 1));
else {
  process.stderr.write('npm run bench -- micro [NAME...] | load [--rounds N] [--seconds N] [--smp N]\n');
  process.exitCode = 2;
}
