import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { crc32 as zlibCrc32 } from 'node:zlib';
import { Bench } from 'tinybench';
import { EMPTY_CHECKPOINT, encodeCheckpoint } from '../../commitlog/checkpoint-record.ts';
import { NO_KEY, SyncMode } from '../../commitlog/commitlog-options.ts';
import { examineLog } from '../../commitlog/examine.ts';
import { RecordKind } from '../../commitlog/record-kind.ts';
import { replayLog } from '../../commitlog/replay.ts';
import { CommitlogWriter } from '../../commitlog/writer.ts';
import { crc32 } from '../../core/crc32.ts';
import { NodeClock } from '../../shards/host/node-clock.ts';
import { NodeFiles } from '../../shards/host/node-files.ts';
import { NodeTasks } from '../../shards/host/node-tasks.ts';

/**
 * The log on the disk under the temporary directory (TMPDIR): cost of an append with its share of the write, CRC by length,
 * group commit by depth, replay. Run: node bench/micro/commitlog.bench.ts
 */
const RECORD_BYTES = 150;
const PER_TASK = 4096;
const HOST_ID = '6f0c2a51-8d0f-4f0e-9f2c-0a6f6d2b8f11';

const directory = mkdtempSync(join(tmpdir(), 'commitlog-bench-'));
const files = new NodeFiles();
const record = Uint8Array.from({ length: RECORD_BYTES }, (_, i) => i * 7);
let sink = 0;

function openLog(syncMode: SyncMode): CommitlogWriter {
  const examination = examineLog({
    files,
    directory,
    shard: 0,
    shardCount: 1,
    hostId: HOST_ID,
    skipDamaged: false,
  });
  const log = new CommitlogWriter({
    files,
    tasks: new NodeTasks(new NodeClock()),
    log: { write: () => {} },
    shard: 0,
    shardCount: 1,
    hostId: HOST_ID,
    segmentBytes: 32 << 20,
    totalBytes: 1 << 30,
    syncMode,
    syncPeriodMs: 10_000,
    groupWindowMs: 2,
    examination,
    leastCounter: 0,
    checkpoint: (out) => encodeCheckpoint(out, EMPTY_CHECKPOINT),
    onSpacePressure: () => {},
  });
  log.replayFinished();
  return log;
}

async function crcTable(): Promise<void> {
  const bench = new Bench({ time: 100, warmup: true });
  for (const length of [16, 64, 128, 256, 512, 4096]) {
    const bytes = Uint8Array.from({ length }, (_, i) => i);
    bench.add(`crc32 own, ${length} B`, () => {
      for (let i = 0; i < PER_TASK; i++) sink ^= crc32(bytes, 0, length, i);
    });
    bench.add(`crc32 zlib, ${length} B`, () => {
      for (let i = 0; i < PER_TASK; i++) sink ^= zlibCrc32(bytes.subarray(0, length), i);
    });
  }
  await bench.run();
  report(bench);
}

/** `perTurn` records per batch, as the turns of a loop that serves that many requests at once. */
async function appendCost(): Promise<void> {
  for (const perTurn of [1, 16, 128, 1024]) {
    const log = openLog(SyncMode.Periodic);
    let told = 0;
    const onWritten = (): void => {
      told++;
    };
    const turn = (): Promise<void> => {
      for (let i = 0; i < perTurn; i++) {
        log.append(RecordKind.Mutation, NO_KEY, record, 0, RECORD_BYTES);
        log.whenWritten(onWritten, i);
      }
      return new Promise((resolve) => setImmediate(resolve));
    };
    const idle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
    const turns = Math.ceil(200_000 / perTurn / (perTurn === 1 ? 4 : 1));
    for (let i = 0; i < turns / 4; i++) await turn();
    const start = process.cpuUsage();
    for (let i = 0; i < turns; i++) await turn();
    const middle = process.cpuUsage();
    for (let i = 0; i < turns; i++) await idle();
    const end = process.cpuUsage();
    const cost = middle.user + middle.system - start.user - start.system;
    const loop = end.user + end.system - middle.user - middle.system;
    const perRecord = ((cost - loop) * 1000) / (turns * perTurn);
    print(`append ${RECORD_BYTES} B, ${perTurn} a turn: ${perRecord.toFixed(0)} ns CPU per record (told ${told})`);
    await log.close();
  }
}

/** Appends only, the write not counted: what a request pays in the loop. */
function appendAlone(): void {
  const log = openLog(SyncMode.Periodic);
  const rounds: number[] = [];
  for (let round = 0; round < 40; round++) {
    const start = process.hrtime.bigint();
    for (let i = 0; i < 20_000; i++) sink ^= log.append(RecordKind.Mutation, NO_KEY, record, 0, RECORD_BYTES);
    rounds.push(Number(process.hrtime.bigint() - start) / 20_000);
  }
  rounds.sort((a, b) => a - b);
  print(`append ${RECORD_BYTES} B in one long turn with CRC and writes of 1 MiB: median ${rounds[20]!.toFixed(0)} ns`);
}

async function groupCommit(): Promise<void> {
  for (const depth of [1, 16, 128, 512]) {
    const log = openLog(SyncMode.Batch);
    const latencies: number[] = [];
    const until = performance.now() + 1500;
    const before = log.syncCount;
    await new Promise<void>((done) => {
      let open = depth;
      const startedMs = new Float64Array(depth);
      const begin = (slot: number): void => {
        startedMs[slot] = performance.now();
        log.append(RecordKind.Mutation, NO_KEY, record, 0, RECORD_BYTES);
        log.whenAccepted(onDone, slot);
      };
      const onDone = (error: Error | undefined, slot: number): void => {
        if (error !== undefined) throw error;
        const now = performance.now();
        latencies.push(now - startedMs[slot]!);
        if (now < until) begin(slot);
        else if (--open === 0) done();
      };
      for (let slot = 0; slot < depth; slot++) begin(slot);
    });
    latencies.sort((a, b) => a - b);
    const at = (q: number): string => (latencies[Math.floor(latencies.length * q)]! * 1000).toFixed(0);
    const rate = (latencies.length / 1.5 / 1000).toFixed(1);
    const syncs = ((log.syncCount - before) / 1.5).toFixed(0);
    print(`group commit, ${depth} in flight: ${rate} k/s, ${syncs} syncs/s, p50 ${at(0.5)} us, p99 ${at(0.99)} us`);
    await log.close();
  }
}

async function replaySpeed(): Promise<void> {
  const log = openLog(SyncMode.Periodic);
  const key = log.tracker.acquireKey(); // never flushed: the segments stay
  for (let i = 0; i < (64 << 20) / (RECORD_BYTES + 5); i++)
    log.append(RecordKind.Mutation, key, record, 0, RECORD_BYTES);
  await log.close();
  const start = performance.now();
  const examination = examineLog({ files, directory, shard: 0, shardCount: 1, hostId: HOST_ID, skipDamaged: false });
  const middle = performance.now();
  const summary = await replayLog(files, examination, {
    record: (_kind, cursor) => {
      sink ^= cursor.end;
    },
  });
  const end = performance.now();
  const mib = summary.bytes / (1 << 20);
  print(
    `replay ${mib.toFixed(0)} MiB, ${summary.records} records: examine ${(middle - start).toFixed(0)} ms, ` +
      `visit ${(end - middle).toFixed(0)} ms`,
  );
}

function report(bench: Bench): void {
  for (const task of bench.tasks) {
    const result = task.result as { latency?: { p50: number } } | undefined;
    print(`${task.name}: ${(((result?.latency?.p50 ?? 0) * 1e6) / PER_TASK).toFixed(1)} ns`);
  }
}

function print(text: string): void {
  process.stdout.write(`${text}\n`);
}

try {
  await crcTable();
  appendAlone();
  await new Promise((resolve) => setImmediate(resolve));
  await appendCost();
  await replaySpeed();
  await groupCommit();
  print(`sink ${sink & 1}`);
} finally {
  rmSync(directory, { recursive: true, force: true });
}
