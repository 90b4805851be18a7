import { ConfigurationError } from '../../core/errors.ts';
import { booleanOf, decimalOf, sortedRecord } from './property-reader.ts';

/** The `compaction` option of a table: the class by its full name and the class's own sub-options. */

const PREFIX = 'org.apache.cassandra.db.compaction.';

/** Why a text is no value of a sub-option, or undefined when it is one. */
type Check = (text: string) => string | undefined;

const isBoolean: Check = (text) => (booleanOf(text) === undefined ? 'must be true or false' : undefined);
const oneOf =
  (...words: readonly string[]): Check =>
  (text) =>
    words.includes(text.toUpperCase()) ? undefined : `must be one of ${words.join(', ')}`;
const integerFrom =
  (least: number): Check =>
  (text) =>
    /^\d{1,10}$/.test(text) && Number(text) >= least && Number(text) <= 0x7fff_ffff
      ? undefined
      : `must be an integer of at least ${least}`;
const numberBetween =
  (least: number, most: number): Check =>
  (text) => {
    const value = decimalOf(text);
    return value !== undefined && value >= least && value <= most ? undefined : `must be a number, at least ${least}`;
  };

const COMMON: readonly (readonly [string, Check])[] = [
  ['enabled', isBoolean],
  ['log_all', isBoolean],
  ['only_purge_repaired_tombstones', isBoolean],
  ['provide_overlapping_tombstones', oneOf('NONE', 'ROW', 'CELL')],
  ['tombstone_threshold', numberBetween(0, 1)],
  ['tombstone_compaction_interval', integerFrom(1)],
  ['unchecked_tombstone_compaction', isBoolean],
];
const SIZE_TIERED: readonly (readonly [string, Check])[] = [
  ['min_threshold', integerFrom(2)],
  ['max_threshold', integerFrom(2)],
  ['min_sstable_size', integerFrom(0)],
  ['bucket_low', numberBetween(0, 1)],
  ['bucket_high', numberBetween(1, 1e9)],
  ['cold_reads_to_omit', numberBetween(0, 1)],
];

/** Sub-options by simple class name. */
const STRATEGIES: ReadonlyMap<string, ReadonlyMap<string, Check>> = new Map([
  ['SizeTieredCompactionStrategy', new Map([...COMMON, ...SIZE_TIERED])],
  [
    'LeveledCompactionStrategy',
    new Map<string, Check>([
      ...COMMON,
      ...SIZE_TIERED,
      ['sstable_size_in_mb', integerFrom(1)],
      ['fanout_size', integerFrom(1)],
      ['single_sstable_uplevel', isBoolean],
    ]),
  ],
  [
    'TimeWindowCompactionStrategy',
    new Map<string, Check>([
      ...COMMON,
      ...SIZE_TIERED,
      ['compaction_window_unit', oneOf('MINUTES', 'HOURS', 'DAYS')],
      ['compaction_window_size', integerFrom(1)],
      ['timestamp_resolution', oneOf('MICROSECONDS', 'MILLISECONDS')],
      ['expired_sstable_check_frequency_seconds', integerFrom(0)],
      ['unsafe_aggressive_sstable_expiration', isBoolean],
      ['enable_optimized_twcs_queries', isBoolean],
      ['split_during_flush', isBoolean],
      ['max_window_size_in_mb', integerFrom(1)],
    ]),
  ],
  [
    'IncrementalCompactionStrategy',
    new Map<string, Check>([
      ...COMMON,
      ...SIZE_TIERED,
      ['sstable_size_in_mb', integerFrom(1)],
      ['space_amplification_goal', numberBetween(1, 2)],
    ]),
  ],
]);
const BUILT = 'SizeTieredCompactionStrategy';

/**
 * Checks the sub-options and completes the class name; a strategy that is not built is kept, with a warning.
 * @throws ConfigurationError for a missing or unknown class, an unknown sub-option or a bad value
 */
export function compactionOptions(
  given: ReadonlyMap<string, string>,
  warnings: string[],
): Readonly<Record<string, string>> {
  const className = given.get('class');
  if (className === undefined) throw new ConfigurationError("Missing sub-option 'class' for the 'compaction' option.");
  const simple = className.startsWith(PREFIX) ? className.slice(PREFIX.length) : className;
  const checks = STRATEGIES.get(simple);
  if (checks === undefined) {
    throw new ConfigurationError(`Unable to find compaction strategy class '${className.slice(0, 200)}'`);
  }
  for (const [name, text] of given) {
    if (name === 'class') continue;
    const check = checks.get(name);
    if (check === undefined) {
      throw new ConfigurationError(`Invalid compaction strategy options {${name.slice(0, 100)}} for ${simple}`);
    }
    const why = check(text);
    if (why !== undefined) throw new ConfigurationError(`${name} ${why}, but is '${text.slice(0, 100)}'`);
  }
  const { min, max } = { min: Number(given.get('min_threshold') ?? 4), max: Number(given.get('max_threshold') ?? 32) };
  if (min > max) throw new ConfigurationError(`min_threshold ${min} must not be larger than max_threshold ${max}`);
  if (simple !== BUILT) {
    warnings.push(`${simple} is not built yet: SSTables of the table are compacted as by ${BUILT}`);
  }
  return sortedRecord(new Map(given).set('class', PREFIX + simple));
}
