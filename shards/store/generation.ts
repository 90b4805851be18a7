import { UnsupportedFormatError } from '../../core/errors.ts';
import type { Clock } from '../../core/ports/clock.ts';
import type { Random } from '../../core/ports/random.ts';
import { timeUuid } from '../../core/types/timeuuid.ts';
import { uuidText } from '../../core/uuid-bytes.ts';
import { identifierOfUuid, parseSSTableName, uuidOfIdentifier } from '../../sstable/format/names.ts';

/** The version and format that this node writes. */
const WRITTEN_VERSION = 'me';

/** A UUID of version 1 for a new SSTable, and a run of its own: unique by its random node bytes. */
export function newGeneration(clock: Clock, random: Random, shard: number): string {
  return generationOf(clock.nowUs(), shard, newRun(random));
}

/**
 * A name for SSTables that belong together, which compaction has cut its output into: the node bytes of their generations, so that it
 * is read off the files' names after a restart.
 */
export function newRun(random: Random): string {
  const node = new Uint8Array(6);
  random.fill(node);
  node[0]! |= 1; // the multicast bit: no network card has this address
  return Buffer.from(node).toString('hex');
}

/** True for a run that `newRun` has made, false for a file of others that is one by itself. */
export function isMadeRun(run: string): boolean {
  return /^[0-9a-f]{12}$/.test(run);
}

/** The run that an SSTable of this generation belongs to. Files of others, whose node bytes say nothing, are each their own. */
export function runOfGeneration(generation: string): string {
  return isMade(generation) ? generation.slice(-12) : generation;
}

/**
 * New generations of one run, in the order of their names.
 * @param isUsed true for those that may not be given again: clocks go back
 */
export function generationsOfRun(
  clock: Clock,
  shard: number,
  run: string,
  count: number,
  isUsed: (generation: string) => boolean,
): string[] {
  const generations: string[] = [];
  for (let us = clock.nowUs(); generations.length < count; us++) {
    const generation = generationOf(us, shard, run);
    if (!isUsed(generation)) generations.push(generation);
  }
  return generations;
}

function generationOf(us: number, shard: number, run: string): string {
  return uuidText(timeUuid(us, 0, shard, Buffer.from(run, 'hex')), 0);
}

/** True for a generation that a node like this one has made: version 1, with the multicast bit. */
function isMade(generation: string): boolean {
  return generation[14] === '1' && (Number.parseInt(generation.slice(24, 26), 16) & 1) === 1;
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
