import { UnsupportedFormatError } from '../../core/errors.ts';
import type { Clock } from '../../core/ports/clock.ts';
import type { Random } from '../../core/ports/random.ts';
import { timeUuid } from '../../core/types/timeuuid.ts';
import { uuidText } from '../../core/uuid-bytes.ts';
import { identifierOfUuid, parseSSTableName, uuidOfIdentifier } from '../../sstable/format/names.ts';

/** The version and format that this node writes. */
const WRITTEN_VERSION = 'me';

/** A UUID of version 1 for a new SSTable: unique by its random node bytes. */
export function newGeneration(clock: Clock, random: Random, shard: number): string {
  const node = new Uint8Array(6);
  random.fill(node);
  node[0]! |= 1; // the multicast bit: no network card has this address
  return uuidText(timeUuid(clock.nowUs(), 0, shard, node), 0);
}

/** What the names of the components of an SSTable that this node writes begin with. */
export function prefixOfGeneration(generation: string): string {
  return `${WRITTEN_VERSION}-${identifierOfUuid(generation)}-big`;
}

/**
 * The UUID by which SSTABLE_SET records speak of an SSTable. Files of others may be numbered instead; theirs is made of version and
 * number, `0000<version>-0000-0000-<number>`, which no UUID of version 1 looks like.
 * @throws UnsupportedFormatError for a number above 2^64
 */
export function generationOfPrefix(prefix: string): string {
  const name = parseSSTableName(`${prefix}-Data.db`);
  if (name === undefined) throw new UnsupportedFormatError(prefix, 'not the name of an SSTable');
  const uuid = uuidOfIdentifier(name.identifier);
  if (uuid !== undefined) return uuid;
  const number = BigInt(name.identifier).toString(16).padStart(16, '0');
  if (number.length > 16) throw new UnsupportedFormatError(prefix, 'its number is too large');
  const version = Buffer.from(name.version, 'latin1').toString('hex');
  return `0000${version}-0000-0000-${number.slice(0, 4)}-${number.slice(4)}`;
}
