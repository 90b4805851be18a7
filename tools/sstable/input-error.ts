import { TesseraError } from '../../core/errors.ts';

/** What a user gave to be written is not what it should be. */
export class InputError extends TesseraError {
  override readonly name = 'InputError';
  /** @param offset byte of the input */
  constructor(path: string, offset: number, why: string) {
    super('INPUT', `${path} at byte ${offset}: ${why}`, { path, offset });
  }
}
