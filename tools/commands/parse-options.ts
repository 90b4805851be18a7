import { type ParseArgsConfig, parseArgs } from 'node:util';
import { TesseraError } from '../../core/errors.ts';

/** A command was called in a way that makes no sense: exit code 2. */
export class UsageError extends TesseraError {
  override readonly name = 'UsageError';
  constructor(message: string) {
    super('USAGE', message);
  }
}

/** Node's `parseArgs`. @throws UsageError for what it does not understand */
export function parseOptions<T extends ParseArgsConfig>(config: T): ReturnType<typeof parseArgs<T>> {
  try {
    return parseArgs(config);
  } catch (error) {
    throw asUsageError(error);
  }
}

/** A complaint of `parseArgs` as UsageError; any other error as it is. */
export function asUsageError(error: unknown): unknown {
  const { code, message } = error as NodeJS.ErrnoException;
  // What follows the first sentence is advice about arguments that begin with a dash.
  return code?.startsWith('ERR_PARSE_ARGS') === true ? new UsageError(message.split('. ')[0]!) : error;
}
