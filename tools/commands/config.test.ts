import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, test } from 'vitest';
import { loadConfig } from '../../daemon/config.ts';
import { CONFIG_KEYS } from '../../daemon/config-keys.ts';
import { CollectedOutput } from '../sstable/testing/collected-output.ts';
import { configCommand } from './config.ts';
import { configDocument } from './config-document.ts';

const DOCUMENT = join(dirname(fileURLToPath(import.meta.url)), '../../docs/configuration.md');
const directory = mkdtempSync(join(tmpdir(), 'config-command-'));
afterAll(() => rmSync(directory, { recursive: true, force: true }));

function fileWith(content: string): string {
  const path = join(directory, 'tessera.yaml');
  writeFileSync(path, content);
  return path;
}

async function run(...args: string[]): Promise<{ code: number; text: string; errors: string }> {
  const out = new CollectedOutput();
  const code = await configCommand(args, out);
  return { code, text: out.text, errors: out.errors.join('\n') };
}

test('docs/configuration.md says what the keys say (npx vitest run tools/commands/config -u writes it)', async () => {
  await expect(configDocument()).toMatchFileSnapshot(DOCUMENT);
});

describe('config defaults', () => {
  test('is a file that sets nothing, and with every sign taken away sets every default', async () => {
    const { code, text } = await run('defaults');
    expect(code).toBe(0);
    const asItIs = await run('check', fileWith(text));
    expect([asItIs.code, asItIs.text]).toEqual([0, `${join(directory, 'tessera.yaml')}: valid, sets 0 keys\n`]);
    const path = fileWith(text.replaceAll(/^#(\w+: )/gm, '$1'));
    const config = await loadConfig(['--config-file', path], {});
    for (const key of CONFIG_KEYS) {
      if (key.name !== 'config_file') expect([key.name, config.text(key.name)]).toEqual([key.name, key.default]);
    }
    expect(config.isGiven('smp')).toBe(true);
    expect(config.warnings).toEqual([]);
    expect((await run('diff', path)).code).toBe(0);
  });
});

describe('config check and diff', () => {
  test.each<[string, number, RegExp]>([
    ['native_transport_port: 1', 0, /valid, sets 1 key\n/],
    ['num_tokens: 16', 0, /valid.*warning: .*num_tokens has no effect/s],
    ['native_transport_prt: 1', 2, /did you mean native_transport_port/],
    ['smp: many', 2, /'many' is no number/],
  ])('check %s', async (content, expectedCode, expected) => {
    const { code, text, errors } = await run('check', fileWith(content));
    expect(code).toBe(expectedCode);
    expect(text + errors).toMatch(expected);
  });

  test('diff tells what is not the default', async () => {
    const changed = 'native_transport_port: 9042\ncluster_name: Mine\nread_request_timeout: 10s\n';
    const { code, text } = await run('diff', fileWith(changed));
    expect(code).toBe(4);
    expect(text).toBe(
      'cluster_name: Mine # default: "Test Cluster"\nread_request_timeout_in_ms: 10000 # default: 5000\n',
    );
    expect((await run('diff', fileWith('native_transport_port: 9042'))).code).toBe(0);
  });

  test.each<[string[], RegExp]>([
    [[], /usage: tessera config/],
    [['chekc', 'x'], /unknown operation; did you mean check/],
    [['check'], /takes one FILE/],
    [['defaults', 'x'], /takes no FILE/],
    [['check', '/nonexistent/file'], /ENOENT/],
    [['check', '--colour', 'x'], /Unknown option/],
  ])('%j is wrong usage', async (args, expected) => {
    const { code, errors } = await run(...args);
    expect(code).toBe(2);
    expect(errors).toMatch(expected);
  });
});
