import { storeLives } from '../support/store-lives.ts';

/**
 * Lives of a store under power cuts and kills, by seed (settled question 54): `node test/soak/store-crash.ts [seeds] [first]`.
 * Prints one line of JSON; exit code 1 at the first seed that went wrong, which replays alone as `store-crash.ts 1 <seed>`.
 */
const seeds = Number(process.argv[2] ?? 1000);
const first = Number(process.argv[3] ?? 1);
const startMs = performance.now();
const total = {
  lives: 0,
  writes: 0,
  flushes: 0,
  compactions: 0,
  splits: 0,
  drops: 0,
  truncations: 0,
  crashesInRecovery: 0,
};
let failure: string | undefined;
let done = 0;
for (let seed = first; seed < first + seeds && failure === undefined; seed++) {
  try {
    const report = await storeLives(seed);
    for (const name of Object.keys(total) as (keyof typeof total)[]) total[name] += report[name];
    done++;
  } catch (error) {
    failure = (error as Error).stack ?? String(error);
  }
}
const seconds = Math.round((performance.now() - startMs) / 100) / 10;
process.stdout.write(`${JSON.stringify({ seeds: done, first, seconds, ...total, failure })}\n`);
process.exitCode = failure === undefined ? 0 : 1;
