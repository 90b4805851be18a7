import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { EMPTY_CHECKPOINT, encodeCheckpoint } from '../commitlog/checkpoint-record.ts';
import { NO_KEY, SyncMode } from '../commitlog/commitlog-options.ts';
import { examineLog } from '../commitlog/examine.ts';
import { encodeRaftEntry, RaftEntryKind } from '../commitlog/raft-records.ts';
import { RecordKind } from '../commitlog/record-kind.ts';
import { encodeSstableSet, SstableSetReason } from '../commitlog/table-records.ts';
import { CommitlogWriter } from '../commitlog/writer.ts';
import { ByteWriter } from '../core/bytes.ts';
import { MutationWriter } from '../core/mutation/frozen-mutation.ts';
import { OpenMode } from '../core/ports/files.ts';
import { uuidBytes } from '../core/uuid-bytes.ts';
import { NodeClock } from '../shards/host/node-clock.ts';
import { NodeFiles } from '../shards/host/node-files.ts';
import { NodeTasks } from '../shards/host/node-tasks.ts';
import { commitlogDump } from './commitlog-dump.ts';

const UUID = '00112233-4455-6677-8899-aabbccddeeff';
const directory = mkdtempSync(join(tmpdir(), 'commitlog-dump-'));
const files = new NodeFiles();
let path = '';

beforeAll(async () => {
  const examination = examineLog({ files, directory, shard: 2, shardCount: 3, hostId: UUID, skipDamaged: false });
  const tasks = new NodeTasks(new NodeClock());
  const log = new CommitlogWriter({
    files,
    tasks,
    log: { write: () => {} },
    shard: 2,
    shardCount: 3,
    hostId: UUID,
    segmentBytes: 4096,
    totalBytes: 1 << 20,
    syncMode: SyncMode.Batch,
    syncPeriodMs: 1000,
    groupWindowMs: 2,
    examination,
    leastCounter: 0,
    checkpoint: (out) => encodeCheckpoint(out, EMPTY_CHECKPOINT),
    onSpacePressure: () => {},
  });
  path = join(directory, 'commitlog-0000000000000258.log');
  const mutation = new MutationWriter();
  mutation.begin(uuidBytes(UUID), 3, -1, -5, Uint8Array.of(0xab, 0xcd), 0, 2);
  log.append(RecordKind.Mutation, NO_KEY, mutation.out.bytes, 0, mutation.out.length);
  const out = new ByteWriter();
  encodeRaftEntry(out, uuidBytes(UUID), 1, 2, 3, RaftEntryKind.Command, Uint8Array.of(1, 2), 0, 2);
  log.append(RecordKind.RaftEntry, NO_KEY, out.bytes, 0, out.length);
  out.clear();
  const range = { first: { hi: -0x8000_0000, lo: 0 }, last: { hi: 0x7fff_ffff, lo: -1 } };
  encodeSstableSet(out, { tableId: UUID, range, reason: SstableSetReason.Flush, added: [UUID], removed: [] });
  log.append(RecordKind.SstableSet, NO_KEY, out.bytes, 0, out.length);
  await log.close();
});
afterAll(() => rmSync(directory, { recursive: true, force: true }));

async function run(...args: string[]): Promise<{ code: number; lines: Record<string, unknown>[]; errors: string[] }> {
  const lines: Record<string, unknown>[] = [];
  const errors: string[] = [];
  const code = await commitlogDump(args, {
    line: (text) => lines.push(JSON.parse(text)),
    error: (text) => errors.push(text),
  });
  return { code, lines, errors };
}

describe('commitlog dump', () => {
  test('prints every record as a JSON line, numbers exact', async () => {
    const { code, lines, errors } = await run(directory);
    expect([code, errors]).toEqual([0, []]);
    expect(lines.map((line) => line.kind)).toEqual(['CHECKPOINT', 'MUTATION', 'RAFT_ENTRY', 'SSTABLE_SET']);
    expect(lines[1]).toMatchObject({ segmentId: 258, shard: 2, tableId: UUID, token: '-5', key: 'abcd', bytes: 34 });
    expect(lines[2]).toMatchObject({ group: UUID, incarnation: 1, term: 2, index: 3, entryKind: 0, payload: '0102' });
    expect(lines[3]).toMatchObject({
      range: { first: '-9223372036854775808', last: '9223372036854775807' },
      added: [UUID],
      removed: [],
    });
  });

  test('from and to cut by position: after the one, up to the other', async () => {
    const all = (await run(directory)).lines;
    const place = (i: number): string => `${all[i]!.segmentId}:${all[i]!.offset}`;
    const { lines } = await run('--from', place(0), '--to', place(2), directory);
    expect(lines).toEqual(all.slice(1, 3));
  });

  test('verify tells what a start would find', async () => {
    const { code, lines } = await run('--verify', directory);
    expect(code).toBe(0);
    expect(lines).toMatchObject([{ shard: 2, segments: [{ path, segmentId: 258 }], torn: null, damaged: [] }]);
  });

  test('wrong usage is 2, an absent directory 1, damage 5 unless skipped', async () => {
    expect((await run()).code).toBe(2);
    expect((await run('--from', 'x', directory)).code).toBe(2);
    expect((await run('--no-such-option', directory)).code).toBe(2);
    expect((await run(join(directory, 'absent'))).code).toBe(1);
    const file = files.open(path, OpenMode.ReadWrite);
    const byte = new Uint8Array(1);
    files.readSync(file, byte, 0, 1, 150);
    files.writeSync(file, Uint8Array.of(byte[0]! ^ 1), 0, 1, 150);
    const { code, errors } = await run(directory);
    expect(code).toBe(5);
    expect(errors.join()).toContain(`${path} at byte`);
    const skipped = await run('--skip-damaged', directory);
    expect([skipped.code, skipped.lines.length]).toEqual([0, 1]);
    files.writeSync(file, byte, 0, 1, 150);
    files.close(file);
  });
});
