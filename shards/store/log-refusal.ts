import {
  CorruptFileError,
  FileOperationError,
  NotReadyError,
  OverloadedError,
  TesseraError,
} from '../../core/errors.ts';

/** For want of space. While the log lives, nothing of what was appended is in it then; any other error leaves that open. */
export function isLogRefusal(error: unknown): boolean {
  if (error instanceof FileOperationError) return error.errno === 'ENOSPC' || error.errno === 'EDQUOT';
  return error instanceof OverloadedError || error instanceof NotReadyError;
}

/** What a writer is told when the log has taken nothing: a definite refusal. */
export function refusalOf(error: unknown): Error {
  if (!(error instanceof TesseraError) || error instanceof CorruptFileError) return error as Error;
  if (error.code === 'INVALID' || error.code === 'NOT_READY') return error;
  return new OverloadedError(`the commit log takes no writes: ${error.message}`);
}
