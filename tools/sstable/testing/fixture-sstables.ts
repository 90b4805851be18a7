import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

/** SSTables of other programs with what is in them, where the collection is there. */
const FIXTURES: string = resolve(dirname(fileURLToPath(import.meta.url)), '../../../../shared/fixtures/sstables');

export interface ExpectedSSTable {
  readonly prefix: string;
  readonly version: string;
  readonly components: readonly string[];
  readonly content_sha256?: string;
  readonly partition_count?: number | string;
  readonly compression?: {
    readonly class: string;
    readonly options: Readonly<Record<string, string>>;
    readonly chunk_length: number;
    readonly data_length: string;
    readonly chunk_count: number;
  } | null;
  readonly index?: {
    readonly entry_count: number;
    readonly first_entries: readonly { readonly key_hex: string; readonly data_position: number }[];
  } | null;
  readonly summary?: {
    readonly min_index_interval: number;
    readonly sampling_level: number;
    readonly size_at_full_sampling: number;
    readonly entry_count: number;
    readonly first_entries: readonly (readonly [string, number])[];
    readonly first_key_hex: string;
    readonly last_key_hex: string;
  } | null;
}

export interface FixtureSSTable {
  /** Case and prefix. */
  readonly name: string;
  readonly directory: string;
  readonly dataPath: string;
  /** What the case says of reading it: 'ok' and others. */
  readonly expect: string;
  readonly expected: ExpectedSSTable;
}

/** All of them of versions that are read, with a content that is known; empty where the collection is not there. */
export function fixtureSSTables(): FixtureSSTable[] {
  if (!existsSync(FIXTURES)) return [];
  return readdirSync(FIXTURES).flatMap((name) => {
    const path = join(FIXTURES, name, 'expected.json');
    if (!/^(m[a-e]|n[abc]|oa)_/.test(name) || !existsSync(path)) return [];
    const whole = JSON.parse(readFileSync(path, 'utf8')) as {
      readonly expect: string | { readonly open?: string };
      readonly sstables: readonly ExpectedSSTable[];
    };
    return whole.sstables
      .filter(({ version }) => /^(m[a-e]|n[abc]|oa)$/.test(version))
      .map((expected) => ({
        name: `${name} ${expected.prefix}`,
        directory: join(FIXTURES, name),
        dataPath: join(FIXTURES, name, `${expected.prefix}-Data.db`),
        expect: JSON.stringify(whole.expect),
        expected,
      }));
  });
}
