import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';

/** The layers as data (conventions §1). An import edge outside this table fails; adding one takes a decision record. */
const MAY_IMPORT: Readonly<Record<string, readonly string[]>> = {
  core: [],
  raft: ['core'],
  commitlog: ['core'],
  sstable: ['core'],
  cql: ['core'],
  cluster: ['core', 'raft'],
  shards: ['core', 'raft', 'commitlog', 'sstable', 'cql', 'cluster'],
  daemon: ['core', 'raft', 'commitlog', 'cql', 'cluster', 'shards'],
  bench: ['core', 'raft', 'commitlog', 'sstable', 'cql', 'cluster', 'shards'],
};
/** Imported by nobody; may import anything. */
const LEAVES = ['tools', 'test', 'bench'];

/** Third-party packages, each behind its one file or folder (conventions §1). */
const PACKAGES: Readonly<Record<string, readonly string[]>> = {
  'lz4-napi': ['sstable/compress.ts', 'shards/host/lz4-blocks.ts'],
  snappyjs: ['sstable/compress.ts', 'shards/host/snappy-blocks.ts'],
  msgpackr: ['cluster/codec.ts'],
  piscina: ['shards/offload.ts'],
  yaml: ['daemon/config.ts'],
};

/** Folders whose files see the world only through core/ports (settled question 19). */
const PURE = ['core', 'raft', 'cql', 'cluster'];
/** Files of shards that join the pure parts to Node. */
const HOST_FILES = ['shards/start.ts', 'shards/shard.ts', 'shards/offload.ts', 'shards/offload-worker.ts'];
const IMPURE_GLOBALS =
  /(?<![\w.'"`])(Date\.now|new Date\(\)|performance\.|Math\.random|setTimeout|setInterval|setImmediate|queueMicrotask|process\.|Atomics\.wait)/;

/** Import and re-export statements, and imports at run time. Words in prose and templates do not match. */
const IMPORTS = /^(?:import|export (?:type )?[{*])[^;'`]*'([^']+)';|\bimport\('([^']+)'\)/gm;

const root = resolve(dirname(fileURLToPath(import.meta.url)), '..');

interface SourceFile {
  readonly path: string;
  readonly text: string;
  readonly imports: readonly string[];
}

function sourceFiles(): SourceFile[] {
  const files: SourceFile[] = [];
  for (const folder of new Set([...Object.keys(MAY_IMPORT), ...LEAVES])) {
    let entries: string[];
    try {
      entries = readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' });
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
      continue; // a folder of the layer table that has no file yet
    }
    for (const entry of entries) {
      if (!entry.endsWith('.ts')) continue;
      const path = join(folder, entry);
      const text = readFileSync(join(root, path), 'utf8');
      const imports = [...text.matchAll(IMPORTS)].map((match) => match[1] ?? match[2]!);
      files.push({ path, text, imports });
    }
  }
  return files;
}

const layerOf = (path: string): string => path.split('/')[0]!;
const isTest = (path: string): boolean => path.endsWith('.test.ts') || layerOf(path) === 'test';
const files = sourceFiles();
const product = files.filter((file) => !isTest(file.path));

/** Comments and strings blanked, so that a word in prose is not taken for code. */
function codeOf(text: string): string {
  return text.replace(/\/\*[\s\S]*?\*\/|\/\/[^\n]*|'(?:[^'\\\n]|\\.)*'|`(?:[^`\\]|\\.)*`/g, ' ');
}

describe('the tree keeps its layers', () => {
  test('every import edge between folders is in the table', () => {
    const wrong: string[] = [];
    for (const { path, imports } of product) {
      const layer = layerOf(path);
      for (const target of imports) {
        if (!target.startsWith('.')) continue;
        const to = layerOf(relative(root, resolve(root, dirname(path), target)));
        if (to === layer || layer === 'tools') continue;
        if (!MAY_IMPORT[layer]!.includes(to)) wrong.push(`${path} -> ${target}`);
      }
    }
    expect(wrong).toEqual([]);
  });

  test('relative imports name a .ts file', () => {
    const wrong = files.flatMap(({ path, imports }) =>
      imports.filter((target) => target.startsWith('.') && !/\.(ts|js|json)$/.test(target)).map((t) => `${path}: ${t}`),
    );
    expect(wrong).toEqual([]);
  });

  test('each third-party package stays behind its file', () => {
    const wrong: string[] = [];
    for (const { path, imports } of product) {
      if (layerOf(path) === 'bench') continue;
      for (const target of imports) {
        if (target.startsWith('.') || target.startsWith('node:')) continue;
        const name = target.startsWith('@') ? target.split('/').slice(0, 2).join('/') : target.split('/')[0]!;
        if (!PACKAGES[name]?.includes(path)) wrong.push(`${path}: ${name}`);
      }
    }
    expect(wrong).toEqual([]);
  });
});

describe('the pure core sees no world', () => {
  test('pure folders import nothing of Node', () => {
    const wrong = product
      .filter(({ path }) => PURE.includes(layerOf(path)))
      .flatMap(({ path, imports }) => imports.filter((t) => t.startsWith('node:')).map((t) => `${path}: ${t}`));
    expect(wrong).toEqual([]);
  });

  test('commitlog and sstable import node:zlib at most', () => {
    const wrong = product
      .filter(({ path }) => ['commitlog', 'sstable'].includes(layerOf(path)))
      .flatMap(({ path, imports }) =>
        imports.filter((t) => t.startsWith('node:') && t !== 'node:zlib').map((t) => `${path}: ${t}`),
      );
    expect(wrong).toEqual([]);
  });

  test('shards touch Node only in the host files', () => {
    const wrong = product
      .filter(
        ({ path }) => layerOf(path) === 'shards' && !path.startsWith('shards/host/') && !HOST_FILES.includes(path),
      )
      .flatMap(({ path, imports }) => imports.filter((t) => t.startsWith('node:')).map((t) => `${path}: ${t}`));
    expect(wrong).toEqual([]);
  });

  test('no clock, timer or randomness outside the ports', () => {
    const guarded = product.filter(({ path }) => {
      const layer = layerOf(path);
      if (layer === 'shards') return !path.startsWith('shards/host/') && !HOST_FILES.includes(path);
      return [...PURE, 'commitlog', 'sstable'].includes(layer);
    });
    // The doorbell is the one place that waits on shared memory: it is the ring's host side.
    const wrong = guarded
      .filter(({ path }) => path !== 'shards/doorbell.ts')
      .flatMap(({ path, text }) =>
        codeOf(text)
          .split('\n')
          .filter((line) => IMPURE_GLOBALS.test(line))
          .map((line) => `${path}: ${line.trim()}`),
      );
    expect(wrong).toEqual([]);
  });
});

describe('the repository speaks of the project alone', () => {
  test('no file is named after nothing', () => {
    const wrong = files
      .filter(({ path }) => /(^|\/)(index|utils|types|helpers)\.ts$/.test(path))
      .map(({ path }) => path);
    expect(wrong).toEqual([]);
  });

  test('the lock file names no registry host', () => {
    const lock = readFileSync(join(root, 'package-lock.json'), 'utf8');
    expect(lock.match(/"resolved": *"https?:[^"]*"/g)).toBeNull();
  });
});
