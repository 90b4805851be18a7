import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';
import { ConfigError, ConfigSource, loadConfig, type NodeConfig, parseSize } from './config.ts';
import { CONFIG_KEYS, PEER_KEYS } from './config-keys.ts';

const directories: string[] = [];
afterEach(() => {
  for (const directory of directories.splice(0)) rmSync(directory, { recursive: true });
});

function fileWith(content: string, name = 'tessera.yaml'): string {
  const directory = mkdtempSync(join(tmpdir(), 'tessera-config-'));
  directories.push(directory);
  const path = join(directory, name);
  writeFileSync(path, content);
  return path;
}
const load = (args: string[], env: Record<string, string> = {}): Promise<NodeConfig> => loadConfig(args, env);
const withFile = (content: string): Promise<NodeConfig> => load(['--config-file', fileWith(content)]);

describe('precedence', () => {
  const file = 'native_transport_port: 1\n';
  test.each<[string, string[], Record<string, string>, string, ConfigSource]>([
    ['nothing given', [], {}, '9042', ConfigSource.Default],
    ['a file', ['--config-file', 'FILE'], {}, '1', ConfigSource.File],
    [
      'environment over file',
      ['--config-file', 'FILE'],
      { TESSERA_NATIVE_TRANSPORT_PORT: '2' },
      '2',
      ConfigSource.Environment,
    ],
    [
      'command line over all',
      ['--config-file', 'FILE', '--native-transport-port', '3'],
      { TESSERA_NATIVE_TRANSPORT_PORT: '2' },
      '3',
      ConfigSource.CommandLine,
    ],
  ])('%s', async (_name, args, env, expected, source) => {
    const path = fileWith(file);
    const config = await load(
      args.map((arg) => (arg === 'FILE' ? path : arg)),
      env,
    );
    expect(config.values.get('native_transport_port')).toMatchObject({ text: expected, source });
  });

  test('a file is found in $TESSERA_CONF', async () => {
    const path = fileWith('cluster_name: found\n', 'scylla.yaml');
    const config = await load([], { TESSERA_CONF: join(path, '..') });
    expect(config.text('cluster_name')).toBe('found');
  });
});

describe('spellings', () => {
  test.each<[string[], string, string]>([
    [['--native-transport-port=0'], 'native_transport_port', '0'],
    [['--native_transport_port', '0'], 'native_transport_port', '0'],
    [['--print-ready'], 'print_ready', 'true'],
    [['--print-ready', '--smp', '2'], 'print_ready', 'true'],
    [['--no-developer-mode'], 'developer_mode', 'false'],
    [['--overprovisioned', '1'], 'overprovisioned', 'true'],
    [['--listen-address', 'localhost'], 'listen_address', '127.0.0.1'],
    [['--seeds', '127.0.0.1:7000,localhost'], 'seeds', '127.0.0.1:7000,localhost'],
  ])('%j', async (args, name, expected) => {
    expect((await load(args)).text(name)).toBe(expected);
  });

  test.each<[string, string, string]>([
    ['read_request_timeout: 10s', 'read_request_timeout_in_ms', '10000'],
    ['write_request_timeout_in_ms: 1500', 'write_request_timeout_in_ms', '1500'],
    ['commitlog_segment_size: 64MiB', 'commitlog_segment_size_in_mb', '64'],
    ['batch_size_warn_threshold: 1MiB', 'batch_size_warn_threshold_in_kb', '1024'],
    ['compaction_throughput: 64MiB/s', 'compaction_throughput_mb_per_sec', '64'],
    ['developer_mode: yes', 'developer_mode', 'true'],
    ['developer_mode: off', 'developer_mode', 'false'],
    ['data_file_directories: [/tmp/somewhere]', 'data_file_directories', '/tmp/somewhere'],
    [
      'seed_provider:\n  - class_name: org.apache.cassandra.locator.SimpleSeedProvider\n    parameters:\n      - seeds: "127.0.0.1"',
      'seeds',
      '127.0.0.1',
    ],
  ])('%s', async (content, name, expected) => {
    expect((await withFile(`${content}\n`)).text(name)).toBe(expected);
  });
});

describe('what is refused names what is wrong', () => {
  test.each<[string[], RegExp]>([
    [['--nativ-transport-port', '1'], /unknown option --nativ-transport-port; did you mean native_transport_port/],
    [['--smp'], /--smp needs a value/],
    [['--smp', 'two'], /option --smp: 'two' is no number/],
    [['--smp', '65'], /between 0 and 64/],
    [['--commitlog-sync', 'never'], /'never' is none of periodic, batch, group/],
    [['--print-ready=maybe'], /neither true nor false/],
    [['stray'], /unexpected argument 'stray'/],
    [['--seeds', '10.0.0.1'], /joining other nodes is not supported yet/],
    [['--config-file', '/nonexistent/tessera.yaml'], /nonexistent.*ENOENT/],
  ])('%j', async (args, expected) => {
    await expect(load(args)).rejects.toThrow(expected);
  });

  test.each<[string, RegExp]>([
    ['native_transport_prt: 1', /tessera\.yaml: native_transport_prt: unknown key; did you mean native_transport_port/],
    ['authenticator: PasswordAuthenticator', /PasswordAuthenticator is not supported yet/],
    ['client_encryption_options: {enabled: true}', /encryption is not supported yet/],
    ['server_encryption_options: {internode_encryption: all}', /encryption is not supported yet/],
    ['a: [', /tessera\.yaml/],
    ['- a list', /not a map/],
    ['read_request_timeout: 5MiB', /unit 'MiB' does not fit/],
  ])('%s', async (content, expected) => {
    await expect(withFile(content)).rejects.toThrow(expected);
    await expect(withFile(content)).rejects.toBeInstanceOf(ConfigError);
  });
});

test('keys of peers that have no effect give one warning each', async () => {
  const config = await withFile('num_tokens: 16\nhinted_handoff_enabled: true\nauthorizer: AllowAllAuthorizer\n');
  expect(config.warnings).toHaveLength(2);
  expect(config.warnings[0]).toMatch(/num_tokens has no effect/);
});

test('no key is both used and called without effect, and every default is a legal value', async () => {
  const names = CONFIG_KEYS.flatMap((key) => [key.name, ...(key.aliases ?? [])]);
  expect(new Set(names).size).toBe(names.length);
  expect(names.filter((name) => PEER_KEYS.has(name))).toEqual([]);
  for (const key of CONFIG_KEYS.filter((each) => each.default !== '')) {
    expect((await load([`--${key.name}=${key.default}`])).text(key.name)).toBe(key.default);
  }
});

test('names of object prototypes are unknown keys like any other', async () => {
  await expect(withFile('constructor: 1\n')).rejects.toThrow(/unknown key/);
  await expect(load(['--__proto__', '1'])).rejects.toThrow(/unknown option/);
});

test('sizes', () => {
  expect(parseSize('memory', '4GiB')).toBe(4 * 1024 ** 3);
  expect(parseSize('memory', '512M')).toBe(512 * 1024 ** 2);
  expect(parseSize('memory', '1073741824')).toBe(1024 ** 3);
  expect(() => parseSize('memory', 'much')).toThrow(/no size/);
});
