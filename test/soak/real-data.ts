import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import cassandra from 'cassandra-driver';
import { SimRandom } from '../sim/sim-random.ts';
import { type RunningNode, startNode } from '../support/start-node.ts';
import { BulkClient } from './bulk-client.ts';
import { SoakClient } from './soak-client.ts';
import { claim, type Figures, type SoakContext } from './suite.ts';
import { type WordList, wordLists } from './wordfreq.ts';

const SCHEMA = [
  "CREATE KEYSPACE real WITH replication = {'class': 'NetworkTopologyStrategy', 'replication_factor': 1}",
  'CREATE TABLE real.words (list text, language text, word text, frequency double, PRIMARY KEY ((list, language), word))',
  'CREATE TABLE real.by_word (word text, language text, frequency double, PRIMARY KEY (word, language))',
  `CREATE TABLE real.by_frequency (language text, frequency double, word text, PRIMARY KEY (language, frequency, word))
   WITH CLUSTERING ORDER BY (frequency DESC, word ASC)`,
];
const CONNECTIONS = 4;
const PREPARED = { prepare: true } as const;
/** A sum of doubles depends on the order of its terms and on how it is kept. */
const SUM_TOLERANCE = 1e-12;

/**
 * Loads word frequencies of real texts into three tables, asks for them in many ways and compares with the input: after
 * loading, after a flush, after a compaction, after a restart, and after a kill -9.
 */
export async function realData(context: SoakContext): Promise<Figures> {
  const lists = await wordLists(context.cache, context.volumes.languages);
  const inputRows = lists.reduce((sum, { words }) => sum + words.length, 0);
  const workdir = mkdtempSync(join(tmpdir(), 'tessera-real-'));
  const start = (): Promise<RunningNode> =>
    startNode({ workdir, shards: 2, args: ['--api-port', '0', '--prometheus-port', '0'] });
  let node = await start();
  try {
    const startedMs = performance.now();
    const { written, retries } = await load(node, lists);
    const loadSeconds = (performance.now() - startedMs) / 1000;
    claim(written === 3 * inputRows, `${written} writes were acknowledged for ${inputRows} rows in three tables`);
    const checks: Record<string, Figures> = {};
    const check = async (stage: string): Promise<void> => {
      try {
        checks[stage] = await verify(node, lists, context.volumes.pointReads, new SimRandom(context.seed));
      } catch (error) {
        throw new Error(`${stage}, seed ${context.seed}: ${(error as Error).message}\n${node.log()}`, { cause: error });
      }
    };
    await check('loaded');
    await post(node, 'flush');
    await check('flushed');
    await post(node, 'compact');
    await check('compacted');
    const exitCode = await node.stop();
    claim(exitCode === 0, `SIGTERM ended the node with ${exitCode}\n${node.log()}`);
    node = await start();
    await check('restarted');
    await node.kill();
    node = await start();
    await check('killed');
    return { inputRows, written, retries, writesPerSecond: Math.round(written / loadSeconds), checks };
  } finally {
    await node.kill();
    rmSync(workdir, { recursive: true, force: true });
  }
}

async function post(node: RunningNode, what: 'flush' | 'compact'): Promise<void> {
  const answer = await fetch(`http://127.0.0.1:${node.ready.api!.port}/storage_service/${what}`, { method: 'POST' });
  claim(answer.ok, `${what} was answered ${answer.status}: ${await answer.text()}\n${node.log()}`);
}

async function load(node: RunningNode, lists: readonly WordList[]): Promise<{ written: number; retries: number }> {
  const admin = await SoakClient.open(node.ready.cql.port);
  for (const statement of SCHEMA) await admin.query(statement);
  admin.close();
  const waiting = [...lists];
  const totals = { written: 0, retries: 0 };
  const worker = async (): Promise<void> => {
    const client = await BulkClient.open(node.ready.cql.port);
    const words = await client.prepare('INSERT INTO real.words (list, language, word, frequency) VALUES (?, ?, ?, ?)');
    const byWord = await client.prepare('INSERT INTO real.by_word (word, language, frequency) VALUES (?, ?, ?)');
    const byFrequency = await client.prepare(
      'INSERT INTO real.by_frequency (language, frequency, word) VALUES (?, ?, ?)',
    );
    let written = 0;
    for (let list = waiting.pop(); list !== undefined; list = waiting.pop()) {
      const name = Buffer.from(list.list);
      const language = Buffer.from(list.language);
      const rows = (make: (word: Buffer, frequency: Buffer) => Buffer[]) => mapRows(list!, make);
      written += await client.load(
        words,
        rows((word, frequency) => [name, language, word, frequency]),
      );
      written += await client.load(
        byWord,
        rows((word, frequency) => [word, language, frequency]),
      );
      written += await client.load(
        byFrequency,
        rows((word, frequency) => [language, frequency, word]),
      );
    }
    totals.written += written;
    totals.retries += client.retries;
    client.close();
  };
  await Promise.all(Array.from({ length: CONNECTIONS }, worker));
  return totals;
}

function* mapRows(list: WordList, make: (word: Buffer, frequency: Buffer) => Buffer[]): Generator<Buffer[]> {
  for (const [i, word] of list.words.entries()) yield make(Buffer.from(word), double(list.frequencies[i]!));
}

function double(value: number): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeDoubleBE(value);
  return bytes;
}

async function verify(
  node: RunningNode,
  lists: readonly WordList[],
  pointReads: number,
  random: SimRandom,
): Promise<Figures> {
  const startedMs = performance.now();
  const driver = new cassandra.Client({
    contactPoints: ['127.0.0.1'],
    protocolOptions: { port: node.ready.cql.port },
    localDataCenter: 'datacenter1',
  });
  const client = await SoakClient.open(node.ready.cql.port);
  try {
    await driver.connect();
    const scannedRows = (await compareWords(client, lists)) + (await compareByWord(client, lists));
    const aggregates = await compareAggregates(driver, lists);
    const tops = await compareByFrequency(driver, lists, random);
    const ranges = await compareRanges(driver, lists, random);
    await comparePoints(driver, lists, pointReads, random);
    const seconds = Math.round((performance.now() - startedMs) / 100) / 10;
    return { scannedRows, aggregates, tops, ranges, pointReads, seconds };
  } finally {
    client.close();
    await driver.shutdown();
  }
}

/** Every row of every partition, in its order. */
async function compareWords(client: SoakClient, lists: readonly WordList[]): Promise<number> {
  let count = 0;
  for (const { list, language, words, frequencies } of lists) {
    const rows = await client.rows(
      `SELECT word, frequency FROM real.words WHERE list = '${list}' AND language = '${language}'`,
    );
    claim(rows.length === words.length, `words ${list}/${language}: ${rows.length} rows, ${words.length} were loaded`);
    for (const [i, [word, frequency]] of rows.entries()) {
      const isSame = word!.toString() === words[i] && frequency!.readDoubleBE(0) === frequencies[i];
      claim(isSame, `words ${list}/${language}, row ${i}: ${word} instead of ${words[i]} ${frequencies[i]}`);
    }
    count += rows.length;
  }
  return count;
}

/** A scan of all partitions: the same rows, whatever their order. */
async function compareByWord(client: SoakClient, lists: readonly WordList[]): Promise<number> {
  const expected = new Map<string, number>();
  for (const { language, words, frequencies } of lists) {
    for (const [i, word] of words.entries()) expected.set(`${word}\t${language}`, frequencies[i]!);
  }
  let count = 0;
  await client.eachPage('SELECT word, language, frequency FROM real.by_word', 5000, (rows) => {
    for (const [word, language, frequency] of rows) {
      const key = `${word}\t${language}`;
      const value = frequency!.readDoubleBE(0);
      claim(expected.get(key) === value, `by_word: ${key} is ${value} instead of ${expected.get(key)}, or came twice`);
      expected.delete(key);
      count++;
    }
  });
  const [missing] = expected.keys();
  claim(missing === undefined, `by_word: ${expected.size} rows are missing, one is ${missing}`);
  return count;
}

async function compareAggregates(driver: cassandra.Client, lists: readonly WordList[]): Promise<number> {
  const text =
    'SELECT count(*) AS n, sum(frequency) AS total, min(word) AS first, max(word) AS last FROM real.words WHERE list = ? AND language = ?';
  for (const { list, language, words, frequencies } of lists) {
    const row = (await driver.execute(text, [list, language], PREPARED)).first();
    const total = frequencies.reduce((sum, each) => sum + each, 0);
    const difference = Math.abs(row.get('total') - total) / total;
    const same = [Number(row.get('n')), row.get('first'), row.get('last'), difference < SUM_TOLERANCE];
    const wanted = [words.length, words[0], words.at(-1), true];
    claim(isDeepStrictEqual(same, wanted), `aggregates of ${language}: ${same} instead of ${wanted}, sum ${total}`);
  }
  return lists.length;
}

/** The most frequent words, and those of a range of frequencies, forwards and backwards. */
async function compareByFrequency(
  driver: cassandra.Client,
  lists: readonly WordList[],
  random: SimRandom,
): Promise<number> {
  for (const { language, words, frequencies } of lists) {
    // A stable sort: among equals the words stay in their order.
    const order = words.map((_, i) => i).sort((a, b) => frequencies[b]! - frequencies[a]!);
    const ask = async (rest: string, values: unknown[]): Promise<string[]> => {
      const text = `SELECT word FROM real.by_frequency WHERE language = ? ${rest}`;
      return (await driver.execute(text, [language, ...values], PREPARED)).rows.map((row) => row.get('word'));
    };
    const expect = (got: string[], indexes: number[], what: string): void => {
      const wanted = indexes.map((i) => words[i]);
      claim(isDeepStrictEqual(got, wanted), `${what} of ${language}: ${got.slice(0, 5)}… not ${wanted.slice(0, 5)}…`);
    };
    expect(await ask('LIMIT 25', []), order.slice(0, 25), 'most frequent words');
    expect(
      await ask('ORDER BY frequency ASC, word DESC LIMIT 25', []),
      order.slice(-25).reverse(),
      'least frequent words',
    );
    const at = random.integer(0, Math.min(500, order.length));
    const least = frequencies[order[at]!]!;
    const above = order.filter((i) => frequencies[i]! >= least && frequencies[i]! < least * 2).slice(0, 1000);
    expect(await ask('AND frequency >= ? AND frequency < ? LIMIT 1000', [least, least * 2]), above, `from ${least}`);
  }
  return lists.length * 3;
}

async function compareRanges(driver: cassandra.Client, lists: readonly WordList[], random: SimRandom): Promise<number> {
  const text = 'SELECT word, frequency FROM real.words WHERE list = ? AND language = ? AND word >= ? AND word < ?';
  for (const { list, language, words, frequencies } of lists) {
    const start = random.integer(0, words.length - 1);
    const end = Math.min(words.length - 1, start + random.integer(1, 3000));
    for (const isReversed of [false, true]) {
      const { rows } = await driver.execute(
        isReversed ? `${text} ORDER BY word DESC` : text,
        [list, language, words[start], words[end]],
        { ...PREPARED, fetchSize: 5000 },
      );
      const got = rows.map((row) => [row.get('word'), row.get('frequency')]);
      const wanted = words.slice(start, end).map((word, i) => [word, frequencies[start + i]]);
      if (isReversed) wanted.reverse();
      claim(isDeepStrictEqual(got, wanted), `range ${words[start]} to ${words[end]} of ${language} differs`);
    }
  }
  return lists.length * 2;
}

async function comparePoints(
  driver: cassandra.Client,
  lists: readonly WordList[],
  count: number,
  random: SimRandom,
): Promise<void> {
  const one = async (): Promise<void> => {
    const { list, language, words, frequencies } = random.pick(lists);
    const i = random.integer(0, words.length);
    const isAbsent = random.chance(0.1);
    const word = isAbsent ? `${words[i]}\u0001` : words[i];
    const wanted = isAbsent ? undefined : frequencies[i];
    const inWords = 'SELECT frequency FROM real.words WHERE list = ? AND language = ? AND word = ?';
    const inByWord = 'SELECT frequency FROM real.by_word WHERE word = ? AND language = ?';
    const a = (await driver.execute(inWords, [list, language, word], PREPARED)).first()?.get('frequency');
    const b = (await driver.execute(inByWord, [word, language], PREPARED)).first()?.get('frequency');
    claim(a === wanted && b === wanted, `${word} of ${language}: ${a} and ${b} instead of ${wanted}`);
  };
  for (let done = 0; done < count; done += 50) {
    await Promise.all(Array.from({ length: Math.min(50, count - done) }, one));
  }
}
