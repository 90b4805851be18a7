import { createHash } from 'node:crypto';
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { examineLog } from '../../commitlog/examine.ts';
import { replayLog } from '../../commitlog/replay.ts';
import { listSegmentFiles, segmentShard } from '../../commitlog/segment.ts';
import { CorruptFileError } from '../../core/errors.ts';
import { ALL_ROWS, type PartitionSlice } from '../../core/read/slice.ts';
import type { TableDescriptor } from '../../core/schema/table.ts';
import { ALL_TOKENS, Token, tokenOf } from '../../core/token.ts';
import { SSTable } from '../../sstable/reader.ts';
import { drain } from '../../sstable/testing/content-lines.ts';
import { batchLines } from '../../sstable/testing/model-read.ts';
import { openWithSchema } from '../../tools/sstable/table-schema.ts';
import { SimFiles } from '../sim/sim-files.ts';
import { SimRandom } from '../sim/sim-random.ts';
import { startNode } from '../support/start-node.ts';
import { damaged, damagePlace } from './damage.ts';
import { DAMAGE_ARGS, type DamageSource, differences, makeDamageSource, rowsByKey, SELECTS } from './damage-source.ts';
import { SoakClient } from './soak-client.ts';
import { claim, type Figures, type SoakContext } from './suite.ts';

const WHOLE: PartitionSlice = { slices: [ALL_ROWS], isReversed: false, wantsRows: true, wantsStatics: true };
const REVERSED: PartitionSlice = { ...WHOLE, isReversed: true };
const CORRUPT = 5;

/** What came of damages, counted. */
type Outcomes = Record<string, number>;
const count = (outcomes: Outcomes, name: string): void => {
  outcomes[name] = (outcomes[name] ?? 0) + 1;
};

/**
 * Damages copies of a node's files (reliability D-1, D-2, C-6, C-7): SSTable components and commitlog segments in process, and
 * whole directories under a starting node. What is read is right, or there is an error that names file and offset.
 */
export async function damageRounds({ volumes, seed }: SoakContext): Promise<Figures> {
  const source = await makeDamageSource(seed);
  try {
    const random = new SimRandom(seed);
    const tables = await sstableRounds(source, Math.ceil(volumes.damages / 2), random);
    const log = await logRounds(source, Math.floor(volumes.damages / 2), random);
    const nodes = await nodeRounds(source, volumes.damagedStarts, random);
    return { sstables: tables, commitlog: log, nodes };
  } catch (error) {
    throw new Error(`seed ${seed}: ${(error as Error).message}`, { cause: error });
  } finally {
    rmSync(source.workdir, { recursive: true, force: true });
  }
}

/** One SSTable in memory. */
interface Copy {
  readonly files: SimFiles;
  readonly directory: string;
  readonly dataPath: string;
  readonly table: TableDescriptor;
  readonly keys: readonly Uint8Array[];
}

async function sstableRounds(source: DamageSource, rounds: number, random: SimRandom): Promise<Figures> {
  const copies: Copy[] = [];
  for (const directory of tableDirectories(source.workdir)) {
    for (const name of readdirSync(directory)) {
      if (name.endsWith('-Data.db')) copies.push(await copySSTable(directory, name));
    }
  }
  claim(copies.length >= 4, `the node has left only ${copies.length} SSTables`);
  const targets = copies.flatMap((copy) => copy.files.list(copy.directory).map((name) => ({ copy, name })));
  const expected = new Map<Copy, string>();
  for (const copy of copies) expected.set(copy, await contentHash(copy));
  const outcomes: Outcomes = {};
  const each = Math.ceil(rounds / targets.length);
  for (const { copy, name } of targets) {
    const path = `${copy.directory}/${name}`;
    const original = new Uint8Array(copy.files.contentOf(path));
    for (let turn = 0; turn < each; turn++) {
      const { what, bytes } = damaged(original, damagePlace(original.length, turn, each, random), random);
      copy.files.setContent(path, bytes);
      const where = `${name}, ${what}`;
      let hash: string;
      try {
        hash = await contentHash(copy);
      } catch (error) {
        claim(namesPlace(error, copy.directory), `${where}: ${(error as Error).stack}`);
        count(outcomes, 'refused');
        continue;
      }
      claim(hash === expected.get(copy), `${where}: other rows are read and no error is met`);
      count(outcomes, 'same');
    }
    copy.files.setContent(path, original);
    claim(copy.files.openCount === 0, `${name}: files stayed open`);
  }
  return { sstables: copies.length, components: targets.length, damages: each * targets.length, ...outcomes };
}

function tableDirectories(workdir: string): string[] {
  const keyspace = join(workdir, 'data', 'damage');
  return readdirSync(keyspace).map((name) => join(keyspace, name));
}

async function copySSTable(directory: string, dataName: string): Promise<Copy> {
  const files = new SimFiles((operation) => queueMicrotask(operation));
  files.makeDirectory('/copy');
  const prefix = dataName.slice(0, -'Data.db'.length);
  for (const name of readdirSync(directory)) {
    if (name.startsWith(prefix)) files.setContent(`/copy/${name}`, new Uint8Array(readFileSync(join(directory, name))));
  }
  const dataPath = `/copy/${dataName}`;
  const choice = {
    file: join(directory, 'schema.cql'),
    isFromHeader: false,
    onUnusable: (why: string): never => {
      throw new Error(why);
    },
  };
  const sstable = await openWithSchema(files, dataPath, choice, { isBlocking: true });
  const { table } = sstable;
  sstable.close();
  const keys = Array.from({ length: 60 }, (_, p) => {
    const key = Buffer.alloc(4);
    key.writeInt32BE(p);
    return key;
  });
  return { files, directory: '/copy', dataPath, table, keys };
}

/** Of all that scans and reads of partitions deliver, absent ones too. */
async function contentHash({ files, dataPath, table, keys }: Copy): Promise<string> {
  const hash = createHash('sha1');
  const sstable = await SSTable.open(files, dataPath, { table, isBlocking: true });
  const take = (batch: Parameters<typeof batchLines>[0]): void => {
    for (const line of batchLines(batch)) hash.update(line).update('\n');
  };
  try {
    for (const slice of [WHOLE, REVERSED]) await drain(sstable.openScan(ALL_TOKENS, slice), take);
    const token = new Token();
    for (const key of keys) {
      tokenOf(key, 0, key.length, token);
      const cursor = sstable.openPartition(token.hi, token.lo, key, 0, key.length, WHOLE);
      if (cursor === undefined) hash.update('absent\n');
      else await drain(cursor, take);
    }
  } finally {
    sstable.close();
  }
  return hash.digest('hex');
}

function namesPlace(error: unknown, directory: string): boolean {
  return (
    error instanceof CorruptFileError && error.message.startsWith(`${directory}/`) && /at byte \d+/.test(error.message)
  );
}

async function logRounds(source: DamageSource, rounds: number, random: SimRandom): Promise<Figures> {
  const real = join(source.workdir, 'commitlog');
  const files = new SimFiles((operation) => queueMicrotask(operation));
  const directory = '/log';
  files.makeDirectory(directory);
  for (const name of readdirSync(real)) {
    files.setContent(`${directory}/${name}`, new Uint8Array(readFileSync(join(real, name))));
  }
  const expected = await readLogs(files, directory);
  // Whatever a replay uses; of what is free, prepared or let go of, nothing matters.
  const targets = [
    ...expected.paths,
    ...files
      .list(directory)
      .filter((name) => name.endsWith('.mark'))
      .map((name) => `${directory}/${name}`),
  ];
  claim(targets.length > 0 && expected.records.size > 0, 'the node has left no log');
  const outcomes: Outcomes = {};
  const each = Math.ceil(rounds / targets.length);
  for (const path of targets) {
    const original = new Uint8Array(files.contentOf(path));
    for (let turn = 0; turn < each; turn++) {
      // Half of the places are among the records: most of a segment is room that was never used.
      const used = usedLength(original);
      const size = random.chance(0.5) ? used : original.length;
      const { what, bytes } = damaged(original, damagePlace(size, turn, each, random), random);
      files.setContent(path, bytes);
      const where = `${path}, ${what}`;
      let found: LogContent;
      try {
        found = await readLogs(files, directory);
      } catch (error) {
        claim(namesPlace(error, directory), `${where}: ${(error as Error).stack}`);
        count(outcomes, 'refused');
        continue;
      }
      compareLogs(found, expected, where);
      count(outcomes, 'same');
    }
    files.setContent(path, original);
    claim(files.openCount === 0, `${path}: files stayed open`);
  }
  return { files: targets.length, damages: each * targets.length, ...outcomes };
}

function usedLength(bytes: Uint8Array): number {
  let length = bytes.length;
  while (length > 1 && bytes[length - 1] === 0) length--;
  return length;
}

interface LogContent {
  /** For each shard hashes of its records, in order. */
  readonly records: ReadonlyMap<number, readonly string[]>;
  /** Segments that were read. */
  readonly paths: readonly string[];
}

async function readLogs(files: SimFiles, directory: string): Promise<LogContent> {
  const content = new Map<number, string[]>();
  const paths: string[] = [];
  const shards = new Set(listSegmentFiles(files, directory).map((file) => segmentShard(file.segmentId)));
  for (const shard of shards) {
    const examination = examineLog({
      files,
      directory,
      shard,
      shardCount: 256, // each shard's log by itself
      hostId: undefined,
      skipDamaged: false,
    });
    const records: string[] = [];
    await replayLog(files, examination, {
      record: (kind, cursor) => {
        const hash = createHash('sha1').update(`${kind} `).update(cursor.bytes.subarray(cursor.pos, cursor.end));
        records.push(hash.digest('hex'));
      },
    });
    content.set(shard, records);
    for (const { kept } of examination.chains) paths.push(...kept.map((segment) => segment.file.path));
  }
  return { records: content, paths };
}

/** The marks call all of the log durable: no record may be missing without an error, whatever the damage. */
function compareLogs(found: LogContent, expected: LogContent, where: string): void {
  for (const [shard, wanted] of expected.records) {
    const records = found.records.get(shard) ?? [];
    for (const [i, hash] of records.entries()) {
      claim(wanted[i] === hash, `${where}: record ${i} of shard ${shard} is not what was written there`);
    }
    claim(
      records.length === wanted.length,
      `${where}: shard ${shard} has ${records.length} records of ${wanted.length}, and no error is met`,
    );
  }
}

/** Starts nodes on damaged copies of the whole directory. */
async function nodeRounds(source: DamageSource, rounds: number, random: SimRandom): Promise<Figures> {
  const outcomes: Outcomes = {};
  for (let round = 0; round < rounds; round++) {
    const workdir = mkdtempSync(join(tmpdir(), 'tessera-damaged-'));
    try {
      cpSync(source.workdir, workdir, { recursive: true });
      const folder = round % 3 === 0 ? 'commitlog' : 'data';
      const name = random.pick(
        readdirSync(join(workdir, folder), { recursive: true, encoding: 'utf8' })
          .filter((each) => /\.(db|txt|crc32|log|mark)$/.test(each))
          .sort(),
      );
      const path = join(workdir, folder, name);
      const original = new Uint8Array(readFileSync(path));
      const size = folder === 'commitlog' ? usedLength(original) : original.length;
      const { what, bytes } = damaged(original, random.integer(0, size), random);
      writeFileSync(path, bytes);
      const where = `node ${round}, ${folder}/${name.replace(/^.*\//, '')}, ${what}`;
      count(outcomes, await startDamaged(workdir, source, where));
    } finally {
      rmSync(workdir, { recursive: true, force: true });
    }
  }
  return outcomes;
}

async function startDamaged(workdir: string, source: DamageSource, where: string): Promise<string> {
  const starting = startNode({ workdir, shards: 2, args: DAMAGE_ARGS });
  const node = await starting.catch((error: Error) => error);
  if (node instanceof Error) {
    const isClear = node.message.includes(`code ${CORRUPT} `) && /at byte \d+/.test(node.message);
    claim(isClear, `${where}: ${node.message}`);
    return 'refused to start';
  }
  try {
    let outcome = 'same rows';
    const client = await SoakClient.open(node.ready.cql.port);
    for (const [table, select] of Object.entries(SELECTS)) {
      const rows = await client.rows(select).catch((error: Error) => error);
      if (rows instanceof Error) {
        claim(!/assert|undefined|TypeError/i.test(rows.message), `${where}: ${rows.message}`);
        claim(/\S+ at byte \d+/.test(rows.message), `${where}: the read failed and names no place: ${rows.message}`);
        outcome = 'read refused';
        continue;
      }
      const difference = differences(rowsByKey(rows), source.rows.get(table)!);
      claim(difference === '', `${where}: ${table}: ${difference}`);
    }
    client.close();
    claim(node.process.exitCode === null, `${where}: the node ended`);
    return outcome;
  } catch (error) {
    throw new Error(`${(error as Error).message}\n${node.log()}`, { cause: error });
  } finally {
    await node.kill();
  }
}
