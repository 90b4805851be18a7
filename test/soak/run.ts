import { mkdirSync } from 'node:fs';
import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { SoakState } from './soak-state.ts';
import { FULL_VOLUMES, SMALL_VOLUMES, SuiteSkipped } from './suite.ts';
import { SUITES } from './suites.ts';

/**
 * Long proofs against real processes, disks and sockets. Usage:
 *   node test/soak/run.ts [--small] [--only NAME,...] [--seed N] [--fresh] [--list]
 * Prints one line of JSON for each suite and one at the end; exit code 1 when one failed. A run that was stopped goes on where
 * it was: suites that passed with these volumes and these sources are run again only with --fresh or --seed.
 */
const { values } = parseArgs({
  options: {
    small: { type: 'boolean', default: false },
    only: { type: 'string' },
    seed: { type: 'string' },
    fresh: { type: 'boolean', default: false },
    list: { type: 'boolean', default: false },
  },
});

const print = (line: object): void => void process.stdout.write(`${JSON.stringify(line)}\n`);

async function main(): Promise<number> {
  if (values.list) {
    for (const { name } of SUITES) process.stdout.write(`${name}\n`);
    return 0;
  }
  const names = values.only?.split(',') ?? SUITES.map(({ name }) => name);
  const unknown = names.filter((name) => !SUITES.some((suite) => suite.name === name));
  if (unknown.length > 0) {
    process.stderr.write(`no such suite: ${unknown.join(', ')}; --list shows them\n`);
    return 2;
  }
  const cache = resolve(import.meta.dirname, '../../.cache/soak');
  mkdirSync(cache, { recursive: true });
  const volumes = values.small ? SMALL_VOLUMES : FULL_VOLUMES;
  const size = values.small ? 'small' : 'full';
  const state = new SoakState(cache, size, values.fresh);
  const totals = { passed: 0, failed: 0, skipped: 0 };
  const startedMs = performance.now();
  const seconds = (sinceMs: number): number => Math.round((performance.now() - sinceMs) / 100) / 10;
  for (const suite of SUITES.filter(({ name }) => names.includes(name))) {
    const earlier = values.seed === undefined ? state.passed(suite.name) : undefined;
    if (earlier !== undefined) {
      totals.passed++;
      print({ ...earlier, isEarlier: true });
      continue;
    }
    const seed = values.seed === undefined ? Date.now() % 1_000_000_000 : Number(values.seed);
    const suiteMs = performance.now();
    const base = { suite: suite.name, size, seed };
    try {
      const figures = await suite.run({ volumes, seed, cache });
      const line = { ...base, outcome: 'passed', seconds: seconds(suiteMs), ...figures };
      totals.passed++;
      state.keep(suite.name, line);
      print(line);
    } catch (error) {
      const { message } = error as Error;
      if (error instanceof SuiteSkipped) {
        totals.skipped++;
        process.stderr.write(`SKIPPED ${suite.name}: ${message}\n`);
        print({ ...base, outcome: 'skipped', why: message });
        continue;
      }
      totals.failed++;
      const replay = `node test/soak/run.ts ${values.small ? '--small ' : ''}--only ${suite.name} --seed ${seed}`;
      process.stderr.write(`FAILED ${suite.name}: ${(error as Error).stack}\n`);
      print({ ...base, outcome: 'failed', seconds: seconds(suiteMs), error: message.slice(0, 2000), replay });
    }
  }
  print({ summary: size, ...totals, seconds: seconds(startedMs) });
  return totals.failed === 0 ? 0 : 1;
}

const code = await main();
// Only once all lines have left: a pipe takes them later.
process.stdout.write('', () => process.exit(code));
