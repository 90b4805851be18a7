import { expect, test } from 'vitest';
import { RecordKind } from '../../commitlog/record-kind.ts';
import { encodeSstableSet, encodeTruncate, SstableSetReason } from '../../commitlog/table-records.ts';
import { ByteWriter } from '../../core/bytes.ts';
import { LogHarness } from '../../test/support/log-harness.ts';
import { prefixOfGeneration } from './generation.ts';
import { SSTableRedo } from './sstable-redo.ts';

const TABLE = 'aaaaaaaa-bbbb-11f0-8000-000000000001';
const DIRECTORY = '/data/ks/t';
const RANGE = { first: { hi: -0x8000_0000, lo: 0 }, last: { hi: 0x7fff_ffff, lo: -1 } };
const generation = (n: number): string => `00000000-0000-1000-8000-${n.toString(16).padStart(12, '0')}`;

type Entry = { readonly added: readonly number[]; readonly removed: readonly number[] } | 'truncate';
/** How an SSTable stands on disk: committed, staged, half removed, or some other file without a TOC. */
type State = 'committed' | 'staged';

/** Writes the log of each shard, puts SSTables there, redoes; returns what is committed and what else there is, by number. */
async function redone(logs: readonly (readonly Entry[])[], disk: Readonly<Record<number, State>>) {
  const harness = new LogHarness(1);
  const messages: string[] = [];
  for (const [shard, entries] of logs.entries()) {
    harness.shard = shard;
    harness.shardCount = logs.length;
    const log = harness.open(harness.examine());
    for (const entry of entries) {
      const out = new ByteWriter();
      if (entry === 'truncate') {
        encodeTruncate(out, { tableId: TABLE, truncatedAtUs: 5 });
        log.append(RecordKind.Truncate, -1, out.bytes, 0, out.length);
      } else {
        const added = entry.added.map(generation);
        const removed = entry.removed.map(generation);
        encodeSstableSet(out, { tableId: TABLE, range: RANGE, reason: SstableSetReason.Compaction, added, removed });
        log.append(RecordKind.SstableSet, -1, out.bytes, 0, out.length);
      }
    }
    const closed = log.close();
    await harness.time.runAsync(harness.time.nowMs + 1000);
    await closed;
  }
  const { files } = harness;
  files.makeDirectory(DIRECTORY);
  for (const [number, state] of Object.entries(disk)) {
    const prefix = prefixOfGeneration(generation(Number(number)));
    files.setContent(`${DIRECTORY}/${prefix}-Data.db`, new Uint8Array(1));
    const toc = state === 'committed' ? 'TOC.txt' : 'TOC.txt.tmp';
    files.setContent(`${DIRECTORY}/${prefix}-${toc}`, new Uint8Array(1));
  }
  harness.shard = 0;
  harness.shardCount = 1;
  const redo = new SSTableRedo();
  await redo.read(files, harness.examine());
  const log = { write: (_level: number, _module: string, message: string) => messages.push(message) };
  redo.apply(files, log, TABLE, DIRECTORY);
  const names = files.list(DIRECTORY);
  const numbers = Object.keys(disk).map(Number);
  const has = (number: number, component: string) =>
    names.includes(`${prefixOfGeneration(generation(number))}-${component}`);
  const committed = numbers.filter((number) => has(number, 'TOC.txt'));
  const other = numbers.filter((number) => !has(number, 'TOC.txt') && has(number, 'Data.db'));
  // Doing it again changes nothing.
  redo.apply(files, log, TABLE, DIRECTORY);
  expect(files.list(DIRECTORY)).toEqual(names);
  return { committed, other, messages };
}

const CASES: readonly [
  string,
  (readonly Entry[])[],
  Record<number, State>,
  { committed: number[]; other: number[] },
][] = [
  ['a staged SSTable is committed', [[{ added: [1], removed: [] }]], { 1: 'staged' }, { committed: [1], other: [] }],
  ['what no record speaks of stays as it is', [[]], { 1: 'staged', 2: 'committed' }, { committed: [2], other: [1] }],
  [
    'a compaction is finished: in and out',
    [[{ added: [3], removed: [1, 2] }]],
    { 1: 'committed', 2: 'staged', 3: 'staged' },
    { committed: [3], other: [] },
  ],
  [
    'what a later record removes is not brought back',
    [
      [
        { added: [1], removed: [] },
        { added: [2], removed: [1] },
      ],
    ],
    { 1: 'staged', 2: 'staged' },
    { committed: [2], other: [] },
  ],
  [
    'without its replacement an SSTable stays',
    [[{ added: [3], removed: [1, 2] }]],
    { 1: 'committed', 2: 'committed' },
    { committed: [1, 2], other: [] },
  ],
  [
    'an SSTable from before a truncation is not committed: it may be half removed',
    [[{ added: [1], removed: [] }, 'truncate', { added: [2], removed: [] }]],
    { 1: 'staged', 2: 'staged' },
    { committed: [2], other: [1] },
  ],
  [
    'a truncation is for its own log',
    [['truncate'], [{ added: [1], removed: [] }], ['truncate']],
    { 1: 'staged' },
    { committed: [1], other: [] },
  ],
  [
    'what one log adds another may have removed',
    [[{ added: [1], removed: [] }], [{ added: [2], removed: [1] }]],
    { 1: 'staged', 2: 'staged' },
    { committed: [2], other: [] },
  ],
];

test.each(CASES)('%s', async (_name, logs, disk, expected) => {
  const { committed, other } = await redone(logs, disk);
  expect({ committed, other }).toEqual(expected);
});

test('a missing SSTable is told', async () => {
  const { messages } = await redone([[{ added: [3], removed: [1] }]], { 1: 'committed' });
  expect(messages.join('\n')).toContain(generation(3));
});
