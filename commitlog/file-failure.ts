import { FileOperationError } from '../core/errors.ts';

const REFUSING_ERRORS: readonly string[] = ['ENOSPC', 'EDQUOT'];

/** True for want of space: the write is refused and the log lives on. Any other failure of a write ends it. */
export function isRefusal(error: unknown): boolean {
  return error instanceof FileOperationError && REFUSING_ERRORS.includes(error.errno);
}

/** The error of a file operation. @throws what is none: a bug passes on */
export function asFileError(error: unknown): FileOperationError {
  if (error instanceof FileOperationError) return error;
  throw error;
}
