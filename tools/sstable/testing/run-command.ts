import { sstableCommand } from '../../commands/sstable.ts';
import { CollectedOutput } from './collected-output.ts';

export interface CommandRun {
  readonly code: number;
  readonly out: CollectedOutput;
}

/** `tessera sstable` with these arguments, in this process. */
export async function runSSTableCommand(...args: string[]): Promise<CommandRun> {
  const out = new CollectedOutput();
  return { code: await sstableCommand(args, out), out };
}
