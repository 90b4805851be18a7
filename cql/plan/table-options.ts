import { ConfigurationError, NotSupportedYetError } from '../../core/errors.ts';
import type { TableOptions } from '../../core/schema/table.ts';
import type { Property } from '../language/ast.ts';
import { printPropertyValue } from '../language/printer-value.ts';
import { compactionOptions } from './compaction-options.ts';
import { compressionOptions } from './compression-options.ts';
import {
  badValue,
  booleanOf,
  booleanProperty,
  integerProperty,
  mapEntries,
  mapProperty,
  numberProperty,
  sortedRecord,
  stringProperty,
  unknownProperty,
} from './property-reader.ts';

/** 20 years: what one TTL may be at most. */
const MAX_TTL_SECONDS = 630_720_000;

/** Reads one option: the fields that it sets. */
type Reader = (property: Property) => Partial<TableOptions>;

/** Options that have a field of their own. */
const READERS: ReadonlyMap<string, Reader> = new Map<string, Reader>([
  ['comment', (property) => ({ comment: stringProperty(property) })],
  ['bloom_filter_fp_chance', (property) => ({ bloomFilterFpChance: fraction(property, false) })],
  ['caching', (property) => ({ caching: cachingOptions(property) })],
  ['compaction', (property) => ({ compaction: compactionOptions(mapProperty(property)) })],
  ['compression', (property) => ({ compression: compressionOptions(mapProperty(property)) })],
  ['crc_check_chance', (property) => ({ crcCheckChance: fraction(property) })],
  ['dclocal_read_repair_chance', (property) => ({ dclocalReadRepairChance: fraction(property) })],
  ['read_repair_chance', (property) => ({ readRepairChance: fraction(property) })],
  ['default_time_to_live', (property) => ({ defaultTimeToLive: integerProperty(property, 0, MAX_TTL_SECONDS) })],
  ['gc_grace_seconds', (property) => ({ gcGraceSeconds: integerProperty(property, 0) })],
  ['min_index_interval', (property) => ({ minIndexInterval: integerProperty(property, 1) })],
  ['max_index_interval', (property) => ({ maxIndexInterval: integerProperty(property, 1) })],
  ['memtable_flush_period_in_ms', (property) => ({ memtableFlushPeriodInMs: integerProperty(property, 0) })],
  ['speculative_retry', (property) => ({ speculativeRetry: speculativeRetry(property) })],
]);

/** Checks an option that does nothing here; a text is the warning to give. */
type Check = (property: Property) => string | undefined;

/** A check that only throws. */
function silent(check: (property: Property) => unknown): Check {
  return (property) => {
    check(property);
    return undefined;
  };
}

/** Options that are checked, kept and shown, and do nothing. */
const KEPT: ReadonlyMap<string, Check> = new Map<string, Check>([
  ['additional_write_policy', silent(speculativeRetry)],
  ['read_repair', silent((property) => word(property, stringProperty(property), 'BLOCKING', 'NONE'))],
  ['cdc', silent(refuseCdc)],
  ['extensions', silent(mapProperty)],
  ['tombstone_gc', tombstoneGc],
  ['paxos_grace_seconds', silent((property) => integerProperty(property, 0))],
  ['per_partition_rate_limit', rateLimit],
  ['tablets', tabletOptions],
  ['tablet_options', tabletOptions],
  ['large_data_guardrails_enabled', silent(booleanProperty)],
  ['in_memory', (property) => (booleanProperty(property) ? 'in_memory has no effect' : undefined)],
]);

/**
 * The options of a table after WITH: those of `base`, each that is named replaced as a whole.
 * @param properties without `id`
 * @throws SyntaxException for an unknown option or a value of the wrong kind; ConfigurationError for one out of range
 */
export function tableOptionsWith(
  base: TableOptions,
  properties: readonly Property[],
  warnings: string[],
): TableOptions {
  let options: TableOptions = base;
  const extensions = new Map(Object.entries(base.extensions));
  for (const property of properties) {
    const { name } = property;
    const read = READERS.get(name);
    if (read !== undefined) {
      options = { ...options, ...read(property) };
      continue;
    }
    if (name === 'synchronous_updates') {
      throw new ConfigurationError('synchronous_updates is an option of materialized views only');
    }
    const check = KEPT.get(name);
    if (check === undefined) throw unknownProperty(name);
    const warning = check(property);
    if (warning !== undefined) warnings.push(warning);
    extensions.set(name, printPropertyValue(property.value));
  }
  const { minIndexInterval: min, maxIndexInterval: max } = options;
  if (min > max) {
    throw new ConfigurationError(`max_index_interval ${max} must not be less than min_index_interval ${min}`);
  }
  return { ...options, extensions: sortedRecord(extensions) };
}

function fraction(property: Property, allowsZero = true): number {
  const value = numberProperty(property);
  if (value <= 1 && (allowsZero ? value >= 0 : value > 0)) return value;
  const range = allowsZero ? 'between 0 and 1' : 'larger than 0 and at most 1';
  throw new ConfigurationError(`${property.name} must be ${range}, but is ${value}`);
}

function word(property: Property, text: string, ...words: readonly string[]): string {
  const upper = text.toUpperCase();
  if (words.includes(upper)) return upper;
  throw new ConfigurationError(`${property.name} must be one of ${words.join(', ')}, but is '${text.slice(0, 100)}'`);
}

/** NONE, ALWAYS, a percentile (`99p`, `99.0PERCENTILE`) or a time (`50ms`). */
function speculativeRetry(property: Property): string {
  const text = stringProperty(property);
  const upper = text.toUpperCase();
  if (upper === 'NONE' || upper === 'ALWAYS') return upper;
  const match = /^(\d{1,12}(?:\.\d{1,12})?)(P|PERCENTILE|MS)$/.exec(upper);
  const value = Number(match?.[1]);
  if (match?.[2] === 'MS') return `${value.toFixed(2)}ms`;
  if (match !== null && value >= 0 && value <= 100) {
    return `${Number.isInteger(value) ? value.toFixed(1) : value}PERCENTILE`;
  }
  throw new ConfigurationError(`Invalid value ${text.slice(0, 100)} for option '${property.name}'`);
}

function cachingOptions(property: Property): Readonly<Record<string, string>> {
  const caching = new Map([
    ['keys', 'ALL'],
    ['rows_per_partition', 'ALL'],
  ]);
  for (const [key, text] of mapProperty(property)) {
    const upper = text.toUpperCase();
    if (key === 'keys' && (upper === 'ALL' || upper === 'NONE')) caching.set(key, upper);
    else if (key === 'rows_per_partition' && (upper === 'ALL' || upper === 'NONE')) caching.set(key, upper);
    else if (key === 'rows_per_partition' && /^\d{1,9}$/.test(text)) caching.set(key, text);
    else if (key === 'enabled' && booleanOf(text) !== undefined) caching.set(key, text.toLowerCase());
    else if (key === 'keys' || key === 'rows_per_partition' || key === 'enabled') {
      throw new ConfigurationError(`Invalid value '${text.slice(0, 100)}' for the caching sub-option '${key}'`);
    } else {
      throw new ConfigurationError(`Invalid caching sub-option '${key.slice(0, 100)}'`);
    }
  }
  return sortedRecord(caching);
}

/** `cdc = false` and `cdc = {'enabled': false}` say what is so anyway. */
function refuseCdc(property: Property): void {
  const known = ['enabled', 'preimage', 'postimage', 'delta', 'ttl'];
  const { value } = property;
  const entries =
    value.kind === 'map' ? mapProperty(property) : new Map([['enabled', String(booleanProperty(property))]]);
  for (const key of entries.keys()) {
    if (!known.includes(key)) throw new ConfigurationError(`Invalid cdc option '${key.slice(0, 100)}'`);
  }
  const enabled = booleanOf(entries.get('enabled') ?? 'false');
  if (enabled === undefined) throw badValue(property.name, value, "'enabled' to be true or false");
  if (enabled) throw new NotSupportedYetError('Change data capture (cdc) is');
}

function tombstoneGc(property: Property): string | undefined {
  const options = mapProperty(property);
  for (const key of options.keys()) {
    if (key !== 'mode' && key !== 'propagation_delay_in_seconds') {
      throw new ConfigurationError(`Invalid tombstone_gc option '${key.slice(0, 100)}'`);
    }
  }
  const delay = options.get('propagation_delay_in_seconds') ?? '0';
  if (!/^\d{1,9}$/.test(delay)) throw badValue(property.name, property.value, 'a number of seconds');
  const mode = word(property, options.get('mode') ?? 'timeout', 'TIMEOUT', 'DISABLED', 'IMMEDIATE', 'REPAIR');
  return mode === 'TIMEOUT' ? undefined : 'tombstone_gc has no effect: tombstones live for gc_grace_seconds';
}

function rateLimit(property: Property): string {
  for (const [key, text] of mapProperty(property)) {
    if (key !== 'max_reads_per_second' && key !== 'max_writes_per_second') {
      throw new ConfigurationError(`Invalid per_partition_rate_limit option '${key.slice(0, 100)}'`);
    }
    if (!/^\d{1,9}$/.test(text)) throw badValue(property.name, property.value, 'numbers of requests');
  }
  return 'per_partition_rate_limit has no effect';
}

/** Keys of the table option `tablets` and their least values; `pow2_count` is a boolean. */
const TABLET_KEYS: ReadonlyMap<string, RegExp> = new Map([
  ['min_tablet_count', /^[1-9]\d{0,5}$/],
  ['max_tablet_count', /^[1-9]\d{0,8}$/],
  ['min_per_shard_tablet_count', /^\d{1,6}(\.\d{1,6})?$/],
  ['expected_data_size_in_gb', /^\d{1,9}$/],
  ['pow2_count', /^true$/i],
]);

function tabletOptions(property: Property): string {
  for (const [key, value] of mapEntries(property)) {
    const form = TABLET_KEYS.get(key);
    if (form === undefined) throw new ConfigurationError(`Unrecognized tablets option ${key.slice(0, 100)}`);
    if (value.kind !== 'literal' || !form.test(value.text)) {
      throw new ConfigurationError(
        `Invalid value ${printPropertyValue(value).slice(0, 100)} for tablets option ${key}`,
      );
    }
  }
  return `The table option '${property.name}' has no effect yet: a table has a tablet for each shard`;
}
