import { TesseraError } from '../../core/errors.ts';
import { ExitCode } from '../../daemon/exit-code.ts';
import type { TextOutput } from './text-output.ts';

/** Runs a command; an expected failure becomes a message and its exit code. */
export async function withExitCode(out: TextOutput, run: () => Promise<ExitCode> | ExitCode): Promise<ExitCode> {
  try {
    return await run();
  } catch (error) {
    if (!(error instanceof TesseraError)) throw error;
    out.error(error.message);
    return exitCodeOf(error);
  }
}

/** How a command ends that failed with `error`. */
export function exitCodeOf(error: TesseraError): ExitCode {
  if (error.code === 'CORRUPT_FILE') return ExitCode.Corrupt;
  return error.code === 'USAGE' || error.code === 'CONFIG' ? ExitCode.Usage : ExitCode.Failed;
}

/** The code of two results together: corruption is worse than a failure, and that than success. */
export function worse(a: ExitCode, b: ExitCode): ExitCode {
  return a > b ? a : b;
}
