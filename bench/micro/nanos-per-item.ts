import type { Bench } from 'tinybench';

/**
 * Prints the median time of every task, divided by the items that one run of it takes, in nanoseconds.
 * @param sink what the tasks computed: it is shown so that no work is found to be without use
 * @throws Error when a task has failed
 */
export function printNanosPerItem(bench: Bench, itemsOf: (task: string) => number, sink: number): void {
  for (const { name, result } of bench.tasks) {
    if (result.state !== 'completed') throw new Error(`${name}: ${result.state}`);
    const nsPerItem = (result.latency.p50 * 1e6) / itemsOf(name);
    process.stdout.write(`${nsPerItem.toFixed(1).padStart(8)} ns  ${name}\n`);
  }
  process.stdout.write(`${' '.repeat(8)}     sink ${sink % 10}, node ${process.version}\n`);
}
