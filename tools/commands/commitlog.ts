import { ExitCode } from '../../daemon/exit-code.ts';
import { suggestion } from '../../daemon/near-names.ts';
import { commitlogDump } from '../commitlog-dump.ts';
import type { TextOutput } from './text-output.ts';

const USAGE = `usage: tessera commitlog dump [options] DIRECTORY
  the records of a log directory as JSON lines
    --from, --to SEGMENT:OFFSET   only those after the one, up to the other
    --verify                      what a start would find, one line for each shard
    --skip-damaged                pass over damaged records`;

/** `tessera commitlog`. @returns the exit code */
export async function commitlogCommand(args: readonly string[], out: TextOutput): Promise<ExitCode> {
  const [operation, ...rest] = args;
  if (operation === 'dump' && !rest.includes('--help') && !rest.includes('-h')) {
    return (await commitlogDump(rest, out)) as ExitCode;
  }
  if (operation === 'dump' || operation === '-h' || operation === '--help' || operation === 'help') {
    out.line(USAGE);
    return ExitCode.Done;
  }
  out.error(
    operation === undefined ? USAGE : `commitlog ${operation}: unknown operation${suggestion(operation, ['dump'])}`,
  );
  return ExitCode.Usage;
}
