import { ConfigurationError, InvalidRequestError, NotSupportedYetError } from '../../core/errors.ts';
import type { KeyspaceDescriptor, Replication } from '../../core/schema/keyspace.ts';
import type { Property, PropertyValue } from '../language/ast.ts';
import {
  badValue,
  booleanOf,
  booleanProperty,
  mapEntries,
  mapProperty,
  sortedRecord,
  stringProperty,
} from './property-reader.ts';
import type { SchemaEnvironment } from './schema-environment.ts';

/** What CREATE and ALTER KEYSPACE may say after WITH. */
export type KeyspaceOptions = Pick<KeyspaceDescriptor, 'replication' | 'durableWrites' | 'consistency' | 'tablets'>;

const PREFIX = 'org.apache.cassandra.locator.';
const NETWORK = 'NetworkTopologyStrategy';
const STRATEGIES: readonly string[] = [NETWORK, 'SimpleStrategy', 'EverywhereStrategy', 'LocalStrategy'];
const KNOWN: readonly string[] = ['replication', 'durable_writes', 'tablets', 'consistency', 'storage'];
const MAX_REPLICATION_FACTOR = 1_000_000;

/**
 * The options of a new keyspace.
 * @throws ConfigurationError for a bad option, SyntaxException for a value of the wrong kind
 */
export function newKeyspaceOptions(
  name: string,
  properties: readonly Property[],
  environment: SchemaEnvironment,
  warnings: string[],
): KeyspaceOptions {
  const given = byName(properties);
  const replication = replicationOf(name, given.get('replication'), environment);
  checkStorage(given.get('storage'));
  const durable = given.get('durable_writes');
  warnOfReplicas(name, replication, environment, warnings);
  return {
    replication,
    durableWrites: durable === undefined ? true : booleanProperty(durable),
    consistency: consistencyOf(given.get('consistency')),
    tablets: tabletsOf(given.get('tablets'), replication, warnings),
  };
}

/**
 * The options of a keyspace after ALTER.
 * @throws as `newKeyspaceOptions`; InvalidRequestError for what cannot be altered
 */
export function alteredKeyspaceOptions(
  keyspace: KeyspaceDescriptor,
  properties: readonly Property[],
  environment: SchemaEnvironment,
  warnings: string[],
): KeyspaceOptions {
  const given = byName(properties);
  checkStorage(given.get('storage'));
  const consistency = given.get('consistency');
  if (consistency !== undefined && stringProperty(consistency).toLowerCase() !== keyspace.consistency) {
    throw new InvalidRequestError('Cannot alter consistency option');
  }
  const tablets = given.get('tablets');
  if (tablets !== undefined) checkSameTablets(keyspace, tablets);
  const durable = given.get('durable_writes');
  const replicationProperty = given.get('replication');
  let { replication } = keyspace;
  if (replicationProperty !== undefined) {
    replication = alteredReplication(keyspace, replicationProperty, environment);
    warnOfReplicas(keyspace.name, replication, environment, warnings);
  }
  return {
    replication,
    durableWrites: durable === undefined ? keyspace.durableWrites : booleanProperty(durable),
    consistency: keyspace.consistency,
    tablets: keyspace.tablets,
  };
}

function byName(properties: readonly Property[]): ReadonlyMap<string, Property> {
  for (const { name } of properties) {
    if (!KNOWN.includes(name)) throw new ConfigurationError(`Unknown property '${name.slice(0, 100)}'`);
  }
  return new Map(properties.map((property) => [property.name, property]));
}

function strategyOf(replication: Replication): string {
  return replication.class!.slice(PREFIX.length);
}

function replicationOf(keyspace: string, property: Property | undefined, environment: SchemaEnvironment): Replication {
  const { strategy, options } = readReplication(property);
  switch (strategy) {
    case NETWORK:
      return networkReplication(options, environment);
    case 'SimpleStrategy': {
      const factor = options.get('replication_factor');
      if (factor === undefined) {
        throw new ConfigurationError('SimpleStrategy requires a replication_factor strategy option.');
      }
      refuseOthers(keyspace, strategy, options, ['replication_factor']);
      return named(strategy, [['replication_factor', positive(replicationFactor(factor))]]);
    }
    case 'EverywhereStrategy':
      refuseOthers(keyspace, strategy, options, ['replication_factor']);
      return named(strategy, []);
    default:
      throw new ConfigurationError(`Unable to use given strategy class: ${strategy} is reserved for internal use`);
  }
}

interface GivenReplication {
  readonly strategy: string;
  /** Without `class`. */
  readonly options: ReadonlyMap<string, PropertyValue>;
}

function readReplication(property: Property | undefined): GivenReplication {
  const options = new Map(property === undefined ? [] : mapEntries(property));
  const className = options.get('class');
  options.delete('class');
  if (className === undefined) return { strategy: NETWORK, options };
  if (className.kind !== 'literal') throw badValue('replication', property!.value, "'class' to be a string");
  const { text } = className;
  const strategy = text.startsWith(PREFIX) ? text.slice(PREFIX.length) : text;
  if (!STRATEGIES.includes(strategy)) {
    throw new ConfigurationError(`Unable to find replication strategy class '${text.slice(0, 200)}'`);
  }
  return { strategy, options };
}

/** `replication_factor` stands for all data centres that are not named; nothing at all for a replica in each rack. */
function networkReplication(
  options: ReadonlyMap<string, PropertyValue>,
  { dataCenters }: SchemaEnvironment,
): Replication {
  const factors = new Map<string, string>();
  const general = options.get('replication_factor');
  for (const [dataCenter, value] of options) {
    if (dataCenter === 'replication_factor') continue;
    checkDataCenter(dataCenter, dataCenters);
    factors.set(dataCenter, replicationFactor(value));
  }
  const isBare = options.size === 0;
  for (const [dataCenter, { rackCount }] of dataCenters) {
    if (factors.has(dataCenter)) continue;
    if (general !== undefined) factors.set(dataCenter, replicationFactor(general));
    else if (isBare) factors.set(dataCenter, String(rackCount));
  }
  return network(factors);
}

function network(factors: ReadonlyMap<string, string>): Replication {
  let sum = 0;
  for (const factor of factors.values()) sum += Number(factor);
  positive(String(sum));
  return named(NETWORK, [...factors]);
}

function checkDataCenter(name: string, dataCenters: SchemaEnvironment['dataCenters']): void {
  if (dataCenters.has(name)) return;
  const known = [...dataCenters.keys()].join(', ');
  throw new ConfigurationError(`Unrecognized datacenter name '${name.slice(0, 100)}'; the cluster has ${known}`);
}

function named(strategy: string, options: readonly (readonly [string, string])[]): Replication {
  return sortedRecord(new Map([['class', PREFIX + strategy], ...options]));
}

function refuseOthers(
  keyspace: string,
  strategy: string,
  options: ReadonlyMap<string, PropertyValue>,
  known: readonly string[],
): void {
  for (const name of options.keys()) {
    if (known.includes(name)) continue;
    throw new ConfigurationError(
      `Unrecognized strategy option {${name.slice(0, 100)}} passed to ${strategy} for keyspace ${keyspace}`,
    );
  }
}

function replicationFactor(value: PropertyValue): string {
  if (value.kind === 'list') throw new NotSupportedYetError('Rack lists in replication are');
  const text = value.kind === 'literal' ? value.text : '';
  if (!/^\d{1,9}$/.test(text) || Number(text) > MAX_REPLICATION_FACTOR) {
    throw new ConfigurationError(
      `Invalid replication factor '${text.slice(0, 100)}': expected a whole number up to ${MAX_REPLICATION_FACTOR}`,
    );
  }
  return String(Number(text));
}

function positive(factor: string): string {
  if (factor !== '0') return factor;
  throw new ConfigurationError('Invalid replication factor 0: a keyspace has at least one replica');
}

function alteredReplication(
  keyspace: KeyspaceDescriptor,
  property: Property,
  environment: SchemaEnvironment,
): Replication {
  const before = strategyOf(keyspace.replication);
  const { strategy, options } = readReplication(property);
  if (before !== NETWORK) return replicationOf(keyspace.name, property, environment);
  if (strategy !== NETWORK) throw new ConfigurationError('Cannot alter replication strategy vnode/tablets flavor');
  if (options.has('replication_factor')) {
    throw new ConfigurationError(
      "'replication_factor' cannot be altered for all data centres at once: name one with its number of replicas",
    );
  }
  const { class: _class, ...old } = keyspace.replication;
  const factors = new Map(Object.entries(old));
  let changed = 0;
  for (const [dataCenter, value] of options) {
    checkDataCenter(dataCenter, environment.dataCenters);
    const factor = replicationFactor(value);
    const difference = Math.abs(Number(factor) - Number(factors.get(dataCenter) ?? 0));
    if (difference > 1)
      throw new InvalidRequestError("Only one DC's RF can be changed at a time and not by more than 1");
    changed += difference;
    factors.set(dataCenter, factor);
  }
  if (changed > 1) throw new InvalidRequestError("Only one DC's RF can be changed at a time and not by more than 1");
  return network(factors);
}

function consistencyOf(property: Property | undefined): 'eventual' {
  const word = property === undefined ? 'eventual' : stringProperty(property).toLowerCase();
  switch (word) {
    case 'eventual':
      return word;
    case 'global':
      throw new NotSupportedYetError("Strongly consistent tables (consistency = 'global') are");
    case 'local':
      throw new ConfigurationError('Local consistency is not supported yet');
    default:
      throw new ConfigurationError(
        `Consistency option must be one of 'eventual', 'local' or 'global', but is '${word.slice(0, 100)}'`,
      );
  }
}

function readTablets(property: Property): ReadonlyMap<string, string> {
  const given = mapProperty(property);
  for (const [key, text] of given) {
    if (key === 'enabled') {
      if (booleanOf(text) === undefined) {
        throw new ConfigurationError(`Invalid value for tablets option 'enabled': '${text.slice(0, 100)}'`);
      }
    } else if (key === 'initial') {
      if (!/^\d{1,9}$/.test(text)) {
        throw new ConfigurationError(
          `Initial number of tablets should be numeric; '${text.slice(0, 100)}' was provided`,
        );
      }
    } else {
      throw new ConfigurationError(`Unrecognized tablets option ${key.slice(0, 100)}`);
    }
  }
  return given;
}

function tabletsOf(
  property: Property | undefined,
  replication: Replication,
  warnings: string[],
): Readonly<Record<string, string>> {
  const options = new Map([['enabled', 'true']]);
  if (property === undefined) return sortedRecord(options);
  const given = readTablets(property);
  const enabled = booleanOf(given.get('enabled') ?? 'true');
  const initial = given.get('initial');
  if (enabled && strategyOf(replication) !== NETWORK) {
    throw new ConfigurationError(`Tablets need ${NETWORK}, not ${strategyOf(replication)}`);
  }
  if (!enabled) {
    if (initial !== undefined) throw new ConfigurationError("'initial' needs tablets to be enabled");
    warnings.push('Tables are always distributed by tablets: tablets = {enabled: false} has no effect');
  }
  if (initial !== undefined) options.set('initial', String(Number(initial)));
  return sortedRecord(options);
}

function checkSameTablets(keyspace: KeyspaceDescriptor, property: Property): void {
  const given = readTablets(property);
  if (booleanOf(given.get('enabled') ?? 'true') !== true) {
    throw new InvalidRequestError('Cannot alter replication strategy vnode/tablets flavor');
  }
  const initial = given.get('initial');
  if (initial !== undefined && Number(initial) !== Number(keyspace.tablets.initial ?? 0)) {
    throw new InvalidRequestError('Cannot alter the initial number of tablets of a keyspace');
  }
}

function checkStorage(property: Property | undefined): void {
  if (property === undefined) return;
  const type = mapProperty(property).get('type') ?? 'LOCAL';
  if (type.toUpperCase() !== 'LOCAL')
    throw new NotSupportedYetError(`Keyspace storage of type ${type.slice(0, 100)} is`);
}

function warnOfReplicas(
  keyspace: string,
  replication: Replication,
  { dataCenters }: SchemaEnvironment,
  warnings: string[],
): void {
  const warn = (factor: number, nodes: number, where: string) => {
    if (factor <= nodes) return;
    warnings.push(
      `Your replication factor ${factor} for keyspace ${keyspace} is higher than the number of nodes ${nodes}${where}`,
    );
  };
  if (strategyOf(replication) === 'SimpleStrategy') {
    let nodes = 0;
    for (const { nodeCount } of dataCenters.values()) nodes += nodeCount;
    warn(Number(replication.replication_factor), nodes, '');
  } else if (strategyOf(replication) === NETWORK) {
    for (const [dataCenter, { nodeCount }] of dataCenters) {
      if (!Object.hasOwn(replication, dataCenter)) continue;
      warn(Number(replication[dataCenter]), nodeCount, ` in datacenter ${dataCenter}`);
    }
  }
}
