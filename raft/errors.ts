import { TesseraError } from '../core/errors.ts';

/** What a member was started with contradicts itself: a log with a gap, a commit index beyond its end, terms that fall. */
export class InvalidRaftStateError extends TesseraError {
  override readonly name = 'InvalidRaftStateError';
  constructor(why: string) {
    super('RAFT_STATE', `the stored state of a Raft group is damaged: ${why}`);
  }
}
