import { ProtocolError } from '../core/errors.ts';
import type { HostId } from '../core/ids.ts';
import { UUID_BYTES, uuidBytes, uuidText } from '../core/uuid-bytes.ts';
import type { Configuration } from './configuration.ts';
import type { Member } from './member.ts';

/**
 * The bytes of a configuration, in log entries, snapshot descriptors and CHECKPOINT; all numbers little-endian:
 *
 *   u8   version, 1
 *   u8   flags: 1 = leave the joint configuration automatically
 *   4 times, for voters, outgoing voters, learners, next learners:
 *     u16  count
 *     count times: 16 bytes host | u32 low, u32 high half of the incarnation
 */
const VERSION = 1;
const AUTO_LEAVE = 1;
const MEMBER_BYTES = UUID_BYTES + 8;
const TWO_POW_32 = 0x1_0000_0000;

export function encodeConfiguration(configuration: Configuration): Uint8Array {
  const { voters, outgoing, learners, learnersNext, autoLeave } = configuration;
  const lists = [voters, outgoing, learners, learnersNext];
  const bytes = new Uint8Array(2 + lists.reduce((sum, list) => sum + 2 + list.length * MEMBER_BYTES, 0));
  const view = new DataView(bytes.buffer);
  bytes[0] = VERSION;
  bytes[1] = autoLeave ? AUTO_LEAVE : 0;
  let at = 2;
  for (const list of lists) {
    view.setUint16(at, list.length, true);
    at += 2;
    for (const { host, incarnation } of list) {
      bytes.set(uuidBytes(host), at);
      view.setUint32(at + UUID_BYTES, incarnation % TWO_POW_32, true);
      view.setUint32(at + UUID_BYTES + 4, Math.floor(incarnation / TWO_POW_32), true);
      at += MEMBER_BYTES;
    }
  }
  return bytes;
}

/** Reads bytes[start, end). @throws ProtocolError when they are no configuration of this version */
export function decodeConfiguration(bytes: Uint8Array, start = 0, end: number = bytes.length): Configuration {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let at = start;
  const need = (count: number): number => {
    if (end - at < count) throw new ProtocolError('Raft configuration cut short');
    at += count;
    return at - count;
  };
  if (view.getUint8(need(1)) !== VERSION) throw new ProtocolError('Raft configuration of an unknown version');
  const flags = view.getUint8(need(1));
  if (flags > AUTO_LEAVE) throw new ProtocolError('Raft configuration with unknown flags');
  const readMembers = (): Member[] => {
    const count = view.getUint16(need(2), true);
    const members: Member[] = [];
    for (let from = need(count * MEMBER_BYTES); members.length < count; from += MEMBER_BYTES) {
      const incarnation =
        view.getUint32(from + UUID_BYTES, true) + view.getUint32(from + UUID_BYTES + 4, true) * TWO_POW_32;
      if (!Number.isSafeInteger(incarnation)) throw new ProtocolError('incarnation above 2^53 - 1');
      members.push({ host: uuidText(bytes, from) as HostId, incarnation });
    }
    return members;
  };
  const [voters, outgoing, learners, learnersNext] = [readMembers(), readMembers(), readMembers(), readMembers()];
  if (at !== end) throw new ProtocolError('bytes after a Raft configuration');
  return { voters, outgoing, learners, learnersNext, autoLeave: flags === AUTO_LEAVE };
}
