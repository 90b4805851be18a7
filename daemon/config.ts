import { readFileSync } from 'node:fs';
import { availableParallelism, totalmem, userInfo } from 'node:os';
import { join, resolve } from 'node:path';
import { TesseraError } from '../core/errors.ts';
import { CONFIG_KEYS, type ConfigKey, PEER_KEYS, REFUSED_UNLESS } from './config-keys.ts';
import { suggestion } from './near-names.ts';

/** Where a value came from, strongest first. */
export const ConfigSource = {
  CommandLine: 'commandline',
  Environment: 'environment',
  File: 'file',
  Default: 'default',
} as const;
export type ConfigSource = (typeof ConfigSource)[keyof typeof ConfigSource];

export interface ConfigValue {
  readonly key: ConfigKey;
  readonly text: string;
  readonly source: ConfigSource;
}

/** Wrong usage or configuration: exit code 2. The message names the option, key or file. */
export class ConfigError extends TesseraError {
  override readonly name = 'ConfigError';
  constructor(message: string) {
    super('CONFIG', message);
  }
}

/** The settings of one node, every key with its value and source. */
export class NodeConfig {
  readonly values: ReadonlyMap<string, ConfigValue>;
  /** One line each: keys of peers that have no effect here, and the like. */
  readonly warnings: readonly string[];

  constructor(values: ReadonlyMap<string, ConfigValue>, warnings: readonly string[]) {
    this.values = values;
    this.warnings = warnings;
  }

  text(name: string): string {
    return this.values.get(name)!.text;
  }
  number(name: string): number {
    return Number(this.text(name));
  }
  boolean(name: string): boolean {
    return this.text(name) === 'true';
  }
  list(name: string): string[] {
    const text = this.text(name);
    return text === '' ? [] : text.split(',');
  }
  /** True when somebody asked for the value: it is not the default. */
  isGiven(name: string): boolean {
    return this.values.get(name)!.source !== ConfigSource.Default;
  }

  get workdir(): string {
    const text = this.text('workdir');
    if (text !== '') return resolve(text);
    const user = userInfo();
    return user.uid === 0 ? '/var/lib/tessera' : join(user.homedir, '.local/share/tessera');
  }

  get shardCount(): number {
    const asked = this.number('smp');
    return asked > 0 ? asked : Math.min(8, Math.max(1, availableParallelism()));
  }

  /** Bytes that the node may use. */
  get memoryBytes(): number {
    const text = this.text('memory');
    if (text !== '') return parseSize('memory', text);
    return Math.floor(Math.min(totalmem(), process.constrainedMemory() || Number.MAX_SAFE_INTEGER) * 0.7);
  }

  get dataDirectory(): string {
    const [first] = this.list('data_file_directories');
    return first === undefined ? join(this.workdir, 'data') : resolve(first);
  }

  get commitlogDirectory(): string {
    const text = this.text('commitlog_directory');
    return text === '' ? join(this.workdir, 'commitlog') : resolve(text);
  }
}

const BY_NAME: ReadonlyMap<string, ConfigKey> = new Map(
  CONFIG_KEYS.flatMap((key) => [key.name, ...(key.aliases ?? [])].map((name) => [name, key] as const)),
);

/**
 * Resolves the configuration: command line over environment over file over defaults.
 * @param args the options of `tessera node`, without the sub-command
 * @param unknownKeys what a key of the file is that nobody knows: a running node warns of it and takes the others
 * @throws ConfigError that names what is wrong
 */
export async function loadConfig(
  args: readonly string[],
  env: Readonly<Record<string, string | undefined>>,
  unknownKeys: 'refused' | 'warned' = 'refused',
): Promise<NodeConfig> {
  const warnings: string[] = [];
  const given = parseOptions(args);
  const fromEnvironment = parseEnvironment(env);
  const file = given.get('config_file')?.text ?? fromEnvironment.get('config_file')?.text ?? defaultFile(env);
  const fromFile = file === undefined ? new Map<string, ConfigValue>() : await parseFile(file, warnings, unknownKeys);
  const values = new Map<string, ConfigValue>();
  for (const key of CONFIG_KEYS) {
    values.set(
      key.name,
      given.get(key.name) ??
        fromEnvironment.get(key.name) ??
        fromFile.get(key.name) ?? { key, text: key.default, source: ConfigSource.Default },
    );
  }
  return checked(new NodeConfig(values, warnings));
}

/** Values that fit each for itself and not together. */
function checked(config: NodeConfig): NodeConfig {
  const own = new Set([config.text('listen_address'), config.text('broadcast_address'), 'localhost']);
  const foreign = config.list('seeds').filter((seed) => !own.has(seed.replace(/:\d+$/, '')));
  if (foreign.length > 0) {
    throw new ConfigError(`seeds ${foreign.join(', ')}: joining other nodes is not supported yet; leave seeds empty`);
  }
  if (config.list('data_file_directories').length > 1) {
    throw new ConfigError('data_file_directories: more than one directory is not supported');
  }
  return config;
}

function parseOptions(args: readonly string[]): Map<string, ConfigValue> {
  const values = new Map<string, ConfigValue>();
  for (let i = 0; i < args.length; i++) {
    const arg = args[i]!;
    if (arg === '--') break;
    if (!arg.startsWith('--')) throw new ConfigError(`unexpected argument '${arg}': options start with --`);
    const equals = arg.indexOf('=');
    const spelled = arg.slice(2, equals < 0 ? undefined : equals);
    const name = spelled.replaceAll('-', '_');
    const negated = name.startsWith('no_') ? BY_NAME.get(name.slice(3)) : undefined;
    const key = BY_NAME.get(name);
    if (key === undefined && negated?.type === 'boolean') {
      values.set(negated.name, { key: negated, text: 'false', source: ConfigSource.CommandLine });
      continue;
    }
    if (key === undefined) throw new ConfigError(`unknown option --${spelled}${nearMisses(name)}`);
    let text: string;
    if (equals >= 0) text = arg.slice(equals + 1);
    else if (key.type === 'boolean' && !/^(true|false|yes|no|on|off|0|1)$/i.test(args[i + 1] ?? '')) text = 'true';
    else if (i + 1 < args.length) text = args[++i]!;
    else throw new ConfigError(`option --${spelled} needs a value`);
    const before = values.get(key.name);
    const value = parseValue(key, text, `option --${spelled}`);
    const joined = key.type === 'list' && before !== undefined ? `${before.text},${value}` : value;
    values.set(key.name, { key, text: joined, source: ConfigSource.CommandLine });
  }
  return values;
}

function parseEnvironment(env: Readonly<Record<string, string | undefined>>): Map<string, ConfigValue> {
  const values = new Map<string, ConfigValue>();
  for (const key of CONFIG_KEYS) {
    const variable = `TESSERA_${key.name.toUpperCase()}`;
    const text = env[variable] ?? (key.name === 'workdir' ? env.TESSERA_HOME : undefined);
    if (text === undefined) continue;
    values.set(key.name, { key, text: parseValue(key, text, variable), source: ConfigSource.Environment });
  }
  return values;
}

function defaultFile(env: Readonly<Record<string, string | undefined>>): string | undefined {
  const directory = env.TESSERA_CONF;
  if (directory === undefined) return undefined;
  for (const name of ['tessera.yaml', 'scylla.yaml', 'cassandra.yaml']) {
    const path = join(directory, name);
    try {
      readFileSync(path);
      return path;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw new ConfigError(`${path}: ${String(error)}`);
    }
  }
  return undefined;
}

async function parseFile(
  path: string,
  warnings: string[],
  unknownKeys: 'refused' | 'warned',
): Promise<Map<string, ConfigValue>> {
  let source: string;
  try {
    source = readFileSync(path, 'utf8');
  } catch (error) {
    throw new ConfigError(`config file ${path}: ${(error as NodeJS.ErrnoException).code ?? String(error)}`);
  }
  const { parse } = await import('yaml'); // only here: a node without a file starts 30 ms sooner
  let content: unknown;
  try {
    content = parse(source);
  } catch (error) {
    const [why] = (error as Error).message.split('\n', 1); // the rest shows the place in several lines
    throw new ConfigError(`config file ${path}: ${why!.replace(/:$/, '')}`);
  }
  if (content === null || content === undefined) return new Map();
  if (typeof content !== 'object' || Array.isArray(content))
    throw new ConfigError(`config file ${path}: not a map of keys`);
  const values = new Map<string, ConfigValue>();
  for (const [name, value] of Object.entries(content)) {
    const where = `config file ${path}: ${name}`;
    const key = BY_NAME.get(name);
    if (key !== undefined) {
      if (value === null) continue;
      const text = (Array.isArray(value) ? value : [value]).map((part) => scalarText(part, where)).join(',');
      values.set(key.name, { key, text: parseValue(key, text, where), source: ConfigSource.File });
    } else if (name === 'seed_provider') {
      const seeds = seedsOf(value);
      const seedKey = BY_NAME.get('seeds')!;
      if (seeds !== '') values.set('seeds', { key: seedKey, text: seeds, source: ConfigSource.File });
    } else if (Object.hasOwn(REFUSED_UNLESS, name)) {
      const allowed = REFUSED_UNLESS[name]!;
      const text = scalarText(value, where);
      if (!allowed.includes(text)) throw new ConfigError(`${where}: ${text} is not supported yet`);
    } else if (PEER_KEYS.has(name)) {
      if (asksForEncryption(name, value)) throw new ConfigError(`${where}: encryption is not supported yet`);
      warnings.push(`${where} has no effect`);
    } else {
      const message = `${where}: unknown key${nearMisses(name)}`;
      if (unknownKeys === 'refused') throw new ConfigError(message);
      warnings.push(message);
    }
  }
  return values;
}

/** @throws ConfigError for a map or a list: whatever it holds, it is no value of a key */
function scalarText(value: unknown, where: string): string {
  if (typeof value === 'object' && value !== null) throw new ConfigError(`${where}: a single value is expected`);
  return String(value);
}

/** `- class_name: …SimpleSeedProvider, parameters: [- seeds: "a,b"]`, as both peers write it. */
function seedsOf(value: unknown): string {
  const provider = Array.isArray(value) ? value[0] : undefined;
  const parameters = (provider as { parameters?: unknown } | undefined)?.parameters;
  const seeds = Array.isArray(parameters) ? (parameters[0] as { seeds?: unknown } | undefined)?.seeds : undefined;
  return typeof seeds === 'string' ? seeds.replaceAll(' ', '') : '';
}

function asksForEncryption(name: string, value: unknown): boolean {
  if (!name.endsWith('_encryption_options') || typeof value !== 'object' || value === null) return false;
  const { enabled, internode_encryption: internode } = value as Record<string, unknown>;
  return enabled === true || (internode !== undefined && internode !== 'none');
}

/** The canonical text of a value: booleans true or false, numbers in the key's unit. @throws ConfigError */
function parseValue(key: ConfigKey, text: string, where: string): string {
  const trimmed = text.trim();
  switch (key.type) {
    case 'boolean':
      if (/^(true|yes|on|1)$/i.test(trimmed)) return 'true';
      if (/^(false|no|off|0)$/i.test(trimmed)) return 'false';
      throw new ConfigError(`${where}: '${text}' is neither true nor false`);
    case 'integer':
    case 'number': {
      const value = parseNumber(key, trimmed, where);
      if (value < (key.min ?? -Infinity) || value > (key.max ?? Infinity)) {
        throw new ConfigError(`${where}: ${text} is not between ${key.min ?? '-∞'} and ${key.max ?? '∞'}`);
      }
      return String(value);
    }
    case 'choice':
      if (!key.choices!.includes(trimmed)) {
        throw new ConfigError(`${where}: '${text}' is none of ${key.choices!.join(', ')}`);
      }
      return trimmed;
    case 'list':
      return trimmed
        .split(',')
        .map((part) => part.trim())
        .filter((part) => part !== '')
        .join(',');
    default:
      return key.name.endsWith('_address') && trimmed === 'localhost' ? '127.0.0.1' : trimmed;
  }
}

const FACTORS: Readonly<Record<string, Readonly<Record<string, number>>>> = {
  ms: { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 },
  MiB: { KiB: 1 / 1024, MiB: 1, GiB: 1024 },
  KiB: { B: 1 / 1024, KiB: 1, MiB: 1024, GiB: 1024 * 1024 },
};

function parseNumber(key: ConfigKey, text: string, where: string): number {
  const match = /^(-?\d+(?:\.\d+)?)\s*([A-Za-z/]*)$/.exec(text);
  if (match === null) throw new ConfigError(`${where}: '${text}' is no number`);
  const [, digits, unit] = match;
  let value = Number(digits);
  if (unit === 'MiB/s') value *= 1;
  else if (unit !== '') {
    const factor = FACTORS[key.unit ?? '']?.[unit!];
    if (factor === undefined) throw new ConfigError(`${where}: unit '${unit}' does not fit`);
    value *= factor;
  }
  if (key.type === 'integer' && !Number.isSafeInteger(value))
    throw new ConfigError(`${where}: '${text}' is no whole number`);
  return value;
}

/** '4GiB', '512M', '1073741824' in bytes. @throws ConfigError */
export function parseSize(name: string, text: string): number {
  const match = /^(\d+(?:\.\d+)?)\s*([KMGT]?)(?:i?B)?$/i.exec(text.trim());
  if (match === null) throw new ConfigError(`${name}: '${text}' is no size; write 4GiB or 512MiB`);
  return Math.floor(Number(match[1]) * 1024 ** ' KMGT'.indexOf(match[2]!.toUpperCase() || ' '));
}

function nearMisses(name: string): string {
  return suggestion(
    name,
    CONFIG_KEYS.map((key) => key.name),
  );
}
