import { benchMain } from '../../bench/load/run.ts';
import type { ExitCode } from '../../daemon/exit-code.ts';
import { asUsageError } from './parse-options.ts';
import type { TextOutput } from './text-output.ts';
import { withExitCode } from './with-exit-code.ts';

/** `tessera bench`: the load generator. @returns the exit code */
export function benchCommand(args: readonly string[], out: TextOutput): Promise<ExitCode> {
  return withExitCode(out, async () => {
    try {
      return (await benchMain(args)) as ExitCode;
    } catch (error) {
      throw asUsageError(error);
    }
  });
}
