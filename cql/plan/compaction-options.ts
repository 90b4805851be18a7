import { ConfigurationError } from '../../core/errors.ts';
import { booleanOf, decimalOf, sortedRecord } from './property-reader.ts';

/**
 * The `compaction` option of a table: the class by its full name and the class's own sub-options, as texts. Messages are
 * Cassandra's.
 * @see Cassandra `CompactionParams`, `AbstractCompactionStrategy`, `SizeTieredCompactionStrategyOptions` and the like; ScyllaDB
 * `incremental_compaction_strategy`
 */

const PREFIX = 'org.apache.cassandra.db.compaction.';
const MAX_INT = 0x7fff_ffff;

/** Throws when a text is no value of a sub-option. */
type Check = (name: string, text: string) => void;

function fail(message: string): never {
  throw new ConfigurationError(message);
}

const isBoolean: Check = (name, text) => {
  if (booleanOf(text) === undefined) fail(`'${name}' should be either 'true' or 'false', not '${shown(text)}'`);
};
const isOneOf =
  (...words: readonly string[]): Check =>
  (name, text) => {
    if (!words.includes(text)) fail(`${shown(text)} is not valid for ${name}`);
  };
/** @param why what is wrong with an integer below `least` */
const integerFrom =
  (least: number, why: (name: string, value: number) => string): Check =>
  (name, text) => {
    const value = /^[+-]?\d{1,16}$/.test(text) ? Number(text) : Number.NaN;
    if (!(value >= -MAX_INT && value <= MAX_INT)) fail(`${shown(text)} is not a parsable int (base10) for ${name}`);
    if (value < least) fail(why(name, value));
  };
const isLarge: Check = (name, text) => {
  if (!/^[+-]?\d{1,16}$/.test(text)) fail(`${shown(text)} is not a parsable int (base10) for ${name}`);
  if (Number(text) < 0) fail(`${name} must be non negative: ${text}`);
};
const isNumber: Check = (name, text) => {
  if (decimalOf(text) === undefined) fail(`${shown(text)} is not a parsable float for ${name}`);
};
const aboveZero = (name: string, value: number): string => `${name} must be larger than 0, but was ${value}`;
const isThreshold: Check = (name, text) => {
  if (!/^\d{1,9}$/.test(text)) {
    fail(`Invalid value ${shown(text)} for '${name}' compaction sub-option - must be an integer`);
  }
};
const isTombstoneThreshold: Check = (name, text) => {
  isNumber(name, text);
  if (Number(text) < 0) fail(`${name} must be greater than 0, but was ${Number(text).toFixed(6)}`);
};
const isSpaceGoal: Check = (name, text) => {
  isNumber(name, text);
  if (!(Number(text) > 1 && Number(text) <= 2))
    fail(`${name} value (${shown(text)}) must be greater than 1.0 and at most 2.0`);
};
const isOverlapChoice: Check = (name, text) => {
  if (text.toUpperCase() === 'NONE') return;
  if (['ROW', 'CELL'].includes(text.toUpperCase())) fail(`'${name}' = '${text}' is not supported yet, only 'NONE'`);
  fail(
    `Invalid value ${shown(text)} for '${name}' compaction sub-option - must be one of the following [NONE, ROW, CELL].`,
  );
};

const COMMON: readonly (readonly [string, Check])[] = [
  ['enabled', isBoolean],
  ['log_all', isBoolean],
  ['only_purge_repaired_tombstones', isBoolean],
  ['provide_overlapping_tombstones', isOverlapChoice],
  ['tombstone_threshold', isTombstoneThreshold],
  [
    'tombstone_compaction_interval',
    integerFrom(0, (name, value) => `${name} must be greater than 0, but was ${value}`),
  ],
  ['unchecked_tombstone_compaction', isBoolean],
];
const SIZE_TIERED: readonly (readonly [string, Check])[] = [
  ['min_threshold', isThreshold],
  ['max_threshold', isThreshold],
  ['min_sstable_size', isLarge],
  ['bucket_low', isNumber],
  ['bucket_high', isNumber],
  ['cold_reads_to_omit', isNumber],
];

/** Sub-options by simple class name. */
const STRATEGIES: ReadonlyMap<string, ReadonlyMap<string, Check>> = new Map([
  ['SizeTieredCompactionStrategy', new Map([...COMMON, ...SIZE_TIERED])],
  [
    'LeveledCompactionStrategy',
    new Map<string, Check>([
      ...COMMON,
      ...SIZE_TIERED,
      ['sstable_size_in_mb', integerFrom(1, aboveZero)],
      ['fanout_size', integerFrom(1, aboveZero)],
      ['single_sstable_uplevel', isBoolean],
    ]),
  ],
  [
    'TimeWindowCompactionStrategy',
    new Map<string, Check>([
      ...COMMON,
      ...SIZE_TIERED,
      ['compaction_window_unit', isOneOf('MINUTES', 'HOURS', 'DAYS')],
      ['compaction_window_size', integerFrom(1, (name, value) => `${value} must be greater than 1 for ${name}`)],
      ['timestamp_resolution', isOneOf('SECONDS', 'MILLISECONDS', 'MICROSECONDS', 'NANOSECONDS')],
      [
        'expired_sstable_check_frequency_seconds',
        integerFrom(0, (name, value) => `${name} must not be negative, but was ${value}`),
      ],
      [
        'unsafe_aggressive_sstable_expiration',
        (name, text) => {
          if (booleanOf(text) === undefined) fail(`${name} is not 'true' or 'false' (${shown(text)})`);
        },
      ],
      ['enable_optimized_twcs_queries', isBoolean],
      ['split_during_flush', isBoolean],
      ['max_window_size_in_mb', integerFrom(1, aboveZero)],
    ]),
  ],
  [
    'IncrementalCompactionStrategy',
    new Map<string, Check>([
      ...COMMON,
      ...SIZE_TIERED,
      ['sstable_size_in_mb', integerFrom(1, aboveZero)],
      ['space_amplification_goal', isSpaceGoal],
    ]),
  ],
]);

/**
 * Checks the sub-options and completes the class name.
 * @throws ConfigurationError for a missing or unknown class, an unknown sub-option or a bad value
 */
export function compactionOptions(given: ReadonlyMap<string, string>): Readonly<Record<string, string>> {
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
      throw new ConfigurationError(`Invalid compaction strategy options {${shown(name)}} for ${simple}`);
    }
    check(name, text);
  }
  checkTogether(given);
  return sortedRecord(new Map(given).set('class', PREFIX + simple));
}

/** Sub-options that bound each other. */
function checkTogether(given: ReadonlyMap<string, string>): void {
  const low = Number(given.get('bucket_low') ?? 0.5);
  const high = Number(given.get('bucket_high') ?? 1.5);
  if (high <= low) fail(`Bucket high value (${high}) is less than or equal bucket low value (${low})`);
  const min = Number(given.get('min_threshold') ?? 4);
  const max = Number(given.get('max_threshold') ?? 32);
  if (min === 0 || max === 0) {
    fail(
      "Disabling compaction by setting compaction thresholds to 0 has been removed, set the compaction option 'enabled' to false instead.",
    );
  }
  if (min < 2) fail(`Min compaction threshold cannot be less than 2 (got ${min})`);
  if (min > max) {
    fail(`Min compaction threshold (got ${min}) cannot be greater than max compaction threshold (got ${max})`);
  }
}

function shown(text: string): string {
  return text.slice(0, 100);
}
