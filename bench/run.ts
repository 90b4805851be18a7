import { spawn } from 'node:child_process';
import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { join, resolve } from 'node:path';
import { benchBackground } from './background.ts';
import { benchRounds } from './rounds.ts';
import { benchStart } from './start.ts';

const USAGE = `npm run bench -- micro [NAME...]                        micro-benchmarks
npm run bench -- load [--rounds N] [--seconds N] [--smp N]  a node beside a bare echo server
npm run bench -- background [--seconds N] [--smp N]         latency while memtables are flushed and SSTables compacted
npm run bench -- start [--smp N]                            time to the first query, memory at rest
`;
const root: string = resolve(import.meta.dirname, '..');

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

/** Keeps the figures, with the machine that they are of, in `bench/results/`. */
function keep(name: string, figures: object): void {
  const machine = { cpu: cpus()[0]?.model ?? 'unknown', cores: cpus().length, node: process.version };
  const directory = join(root, 'bench/results');
  mkdirSync(directory, { recursive: true });
  writeFileSync(join(directory, `${name}.json`), `${JSON.stringify({ machine, ...figures }, null, 1)}\n`);
}

const [what = 'load', ...rest] = process.argv.slice(2);
const option = (name: string, fallback: number): number => {
  const at = rest.indexOf(`--${name}`);
  return at < 0 ? fallback : Number(rest[at + 1]);
};
if (what === 'micro') await benchMicro(rest);
else if (what === 'load') keep(what, await benchRounds(option('rounds', 3), option('seconds', 5), option('smp', 1)));
else if (what === 'background') keep(what, await benchBackground(option('seconds', 20), option('smp', 1)));
else if (what === 'start') keep(what, await benchStart(option('smp', 2)));
else {
  process.stderr.write(USAGE);
  process.exitCode = 2;
}
