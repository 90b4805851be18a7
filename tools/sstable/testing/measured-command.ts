import { readFileSync, writeFileSync } from 'node:fs';
import { main } from '../../cli.ts';

/**
 * Runs the program like the launcher, and writes the most memory that it had to a file: the system's count of this process image, since
 * `resourceUsage` also counts what the parent had when it forked.
 * Arguments: the file, then those of the program.
 */
const [, , report, ...args] = process.argv;
process.on('exit', () => {
  const peak = /^VmHWM:\s*(\d+) kB$/m.exec(readFileSync('/proc/self/status', 'utf8'));
  writeFileSync(report!, String(Number(peak![1]) * 1024));
});
await main(args, 'tessera');
