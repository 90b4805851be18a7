import { UnsupportedFormatError } from '../../core/errors.ts';

/**
 * File names: `<version>-<identifier>-<format>-<component>`, such as me-3gsm_0lob_1zdg02we44my8dy25w-big-Data.db.
 *
 * The identifier is a decimal generation or the 28 characters of a version 1 UUID, in base 36, lower case, zero padded:
 *
 *   dddd _ ssss _ ttttt lllllllllllll
 *   d  whole days since 1582-10-15      s  seconds of the day
 *   t  100 ns units of the second       l  the UUID's low 64 bits, unsigned
 *
 * so that names in order are files in order of time.
 * @see Cassandra `UUIDBasedSSTableId`, spec/sstable.md §2.1
 */

/** Components by the name that TOC.txt and the file name have. */
export const Component = {
  Data: 'Data.db',
  Index: 'Index.db',
  Summary: 'Summary.db',
  Partitions: 'Partitions.db',
  Rows: 'Rows.db',
  Filter: 'Filter.db',
  Statistics: 'Statistics.db',
  CompressionInfo: 'CompressionInfo.db',
  Crc: 'CRC.db',
  Digest: 'Digest.crc32',
  Toc: 'TOC.txt',
  Tessera: 'Tessera.db',
} as const;
export type Component = (typeof Component)[keyof typeof Component];

/** The TOC of an SSTable that is not committed yet. */
export const TOC_STAGED = 'TOC.txt.tmp';

export interface SSTableName {
  readonly version: string;
  readonly identifier: string;
  readonly format: string;
  readonly component: string;
}

const NAME = /^([a-z]{2})-(\d+|[0-9a-z]{4}_[0-9a-z]{4}_[0-9a-z]{18})-([a-z]+)-([\w.+-]+)$/;
const UUID_IDENTIFIER = /^([0-9a-z]{4})_([0-9a-z]{4})_([0-9a-z]{5})([0-9a-z]{13})$/;

/** The parts of a file name without directory, or undefined when it is no component of an SSTable. */
export function parseSSTableName(name: string): SSTableName | undefined {
  const match = NAME.exec(name);
  if (match === null) return undefined;
  return { version: match[1]!, identifier: match[2]!, format: match[3]!, component: match[4]! };
}

/** `<version>-<identifier>-<format>`, what the names of all components begin with. */
export function sstablePrefix(name: SSTableName): string {
  return `${name.version}-${name.identifier}-${name.format}`;
}

/** Directory (without a slash at its end, '.' when there is none) and file name of a path. */
export function splitPath(path: string): { readonly directory: string; readonly name: string } {
  const slash = path.lastIndexOf('/');
  if (slash < 0) return { directory: '.', name: path };
  return { directory: slash === 0 ? '/' : path.slice(0, slash), name: path.slice(slash + 1) };
}

export function joinPath(directory: string, name: string): string {
  return directory.endsWith('/') ? directory + name : `${directory}/${name}`;
}

const DAY = 864_000_000_000n;
const SECOND = 10_000_000n;

/** The 28-character identifier of a version 1 UUID, given as text with dashes. @throws RangeError for another version */
export function identifierOfUuid(uuid: string): string {
  const hex = uuid.replaceAll('-', '');
  if (!/^[0-9a-f]{12}1[0-9a-f]{19}$/.test(hex)) throw new RangeError(`not a version 1 UUID: ${uuid}`);
  const timestamp = BigInt(`0x${hex.slice(13, 16)}${hex.slice(8, 12)}${hex.slice(0, 8)}`);
  const low = BigInt(`0x${hex.slice(16)}`);
  const inDay = timestamp % DAY;
  const digits = (value: bigint, count: number) => value.toString(36).padStart(count, '0');
  const ticks = digits(inDay % SECOND, 5);
  return `${digits(timestamp / DAY, 4)}_${digits(inDay / SECOND, 4)}_${ticks}${digits(low, 13)}`;
}

/** The UUID of a 28-character identifier; undefined for a decimal generation. @throws UnsupportedFormatError */
export function uuidOfIdentifier(identifier: string): string | undefined {
  const match = UUID_IDENTIFIER.exec(identifier);
  if (match === null) return undefined;
  const [days, seconds, ticks, low] = match.slice(1).map(fromBase36) as [bigint, bigint, bigint, bigint];
  const timestamp = days * DAY + seconds * SECOND + ticks;
  if (timestamp >= 1n << 60n || low >= 1n << 64n || seconds >= 86_400n || ticks >= SECOND) {
    throw new UnsupportedFormatError(identifier, 'the identifier is no version 1 UUID');
  }
  const t = timestamp.toString(16).padStart(15, '0');
  const l = low.toString(16).padStart(16, '0');
  return `${t.slice(7)}-${t.slice(3, 7)}-1${t.slice(0, 3)}-${l.slice(0, 4)}-${l.slice(4)}`;
}

function fromBase36(text: string): bigint {
  let value = 0n;
  for (const digit of text) value = value * 36n + BigInt(Number.parseInt(digit, 36));
  return value;
}
