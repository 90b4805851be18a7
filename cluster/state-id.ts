import { readU16BE, readU32BE } from '../core/bytes.ts';
import type { HostId } from '../core/ids.ts';
import type { Clock } from '../core/ports/clock.ts';
import { timeUuid, timeUuidUnixUs } from '../core/types/timeuuid.ts';
import { NIL_UUID, uuidBytes, uuidText } from '../core/uuid-bytes.ts';

/**
 * Ids for the states of group 0: version 1 UUIDs, whose time is the clock's, or one microsecond after the last state's and the
 * last id given where the clock is not past those. So ids rise whatever the clocks do (consistency document §2.2), and no two
 * commands have one id: the host id's last bytes stand for the node, and a node has one source.
 */
export class StateIdSource {
  readonly #clock: Clock;
  readonly #node: Uint8Array;
  readonly #clockSequence: number;
  #lastUs = 0;

  constructor(clock: Clock, creator: HostId) {
    const host = uuidBytes(creator);
    this.#clock = clock;
    this.#node = host.subarray(10);
    this.#clockSequence = readU16BE(host, 8) ^ (readU32BE(host, 0) & 0xffff);
  }

  /** An id for a command that is made for the state with id `last`. */
  next(last: string): string {
    const stateUs = last === NIL_UUID ? 0 : timeUuidUnixUs(uuidBytes(last), 0);
    this.#lastUs = Math.max(this.#clock.nowUs(), stateUs + 1, this.#lastUs + 1);
    return uuidText(timeUuid(this.#lastUs, 0, this.#clockSequence, this.#node), 0);
  }
}
