import { describe, expect, test } from 'vitest';
import { applyCommand, type Group0Command, type Group0State, type ProposalOutcome } from '../cluster/group0.ts';
import { encodeState } from '../cluster/group0-codec.ts';
import { StateIdSource } from '../cluster/state-id.ts';
import { CorruptFileError, FileOperationError, UnsupportedFormatError } from '../core/errors.ts';
import type { HostId } from '../core/ids.ts';
import { SimTime } from '../test/sim/sim-clock.ts';
import { SimFiles } from '../test/sim/sim-files.ts';
import { SimRandom } from '../test/sim/sim-random.ts';
import { SimTasks } from '../test/sim/sim-tasks.ts';
import { GROUP0_HOST_ID, RandomSchema, testNode } from '../test/support/group0-arbitraries.ts';
import { decodeGroup0Checkpoint } from './group0-checkpoint.ts';
import { Group0Host } from './group0-host.ts';
import { registerNode } from './node-registration.ts';

/** Seeds of one run; TESSERA_SEED=7 runs that one alone. */
const seedText = process.env.TESSERA_SEED;
const SEEDS = Number(process.env.SEEDS ?? 150);
const seeds = seedText === undefined ? Array.from({ length: SEEDS }, (_, i) => i) : [Number(seedText)];

const DIRECTORY = '/work/group0';
const STATE = `${DIRECTORY}/state.db`;

/** The power is cut inside a blocking operation. */
class PowerCut extends Error {}

class Harness {
  readonly time = new SimTime();
  readonly random: SimRandom;
  readonly files: SimFiles;
  readonly schema: RandomSchema;
  readonly messages: string[] = [];
  tasks: SimTasks;
  hostId: HostId = GROUP0_HOST_ID;
  checkpointEntries = 5;

  constructor(seed: number) {
    this.random = new SimRandom(seed);
    this.files = new SimFiles((operation) => this.time.after(0.05 + this.random.next() * 3, operation));
    this.tasks = new SimTasks(this.time, this.random);
    this.schema = new RandomSchema(this.random.fork());
    this.files.makeDirectory('/work');
    this.files.syncDirectory('/');
  }

  open(): Promise<Group0Host> {
    return this.settle(
      Group0Host.open({
        files: this.files,
        tasks: this.tasks,
        random: this.random,
        log: { write: (_level, _module, message) => this.messages.push(message) },
        directory: DIRECTORY,
        hostId: this.hostId,
        segmentBytes: 16_384,
        checkpointEntries: this.checkpointEntries,
      }),
    );
  }

  /** Lets time pass until the promise is settled. */
  async settle<Value>(promise: Promise<Value>): Promise<Value> {
    let isSettled = false;
    const done = () => {
      isSettled = true;
    };
    promise.then(done, done);
    while (!isSettled) await this.time.runAsync(this.time.nowMs + 5);
    return promise;
  }

  stop(isPowerFailure: boolean): void {
    this.tasks.stop();
    this.files.plan = undefined;
    if (isPowerFailure) this.files.crash(this.random.fork());
    else this.files.kill();
    this.tasks = new SimTasks(this.time, this.random);
  }
}

const textOf = (state: Group0State): string => Buffer.from(encodeState(state)).toString('latin1');

async function runSeed(seed: number): Promise<void> {
  const harness = new Harness(seed);
  const { random, files, time } = harness;
  harness.checkpointEntries = random.integer(2, 12);
  /** What the state is after each command that was ever proposed. */
  const states = new Map<string, string>();
  let promised: string | undefined;
  let possible = new Set<string>();
  for (let round = 0; round < 5; round++) {
    if (random.chance(0.3)) {
      const cutAt = files.operationCount + random.integer(1, 50);
      files.plan = (_operation, _path, number) => {
        if (number >= cutAt) throw new PowerCut();
        return undefined;
      };
    }
    let host: Group0Host;
    try {
      host = await harness.open();
      files.plan = undefined;
    } catch (error) {
      if (!(error instanceof PowerCut)) throw error;
      harness.stop(random.chance(0.7));
      continue;
    }
    const { stateId } = host.state();
    if (promised !== undefined) {
      expect([promised, ...possible], `round ${round}`).toContain(stateId);
      expect(textOf(host.state()) === states.get(stateId), `round ${round}: the state is exact`).toBe(true);
    }
    promised = stateId;
    states.set(stateId, textOf(host.state()));
    possible = new Set();
    if (random.chance(0.1)) {
      const failAt = files.operationCount + random.integer(5, 60);
      files.plan = (operation, _path, number) =>
        number >= failAt && operation === 'fdatasync' ? { errno: 'EIO' } : undefined;
    }
    const proposals = random.integer(0, 25);
    for (let i = 0; i < proposals; i++) {
      const command = harness.schema.next(host.state());
      states.set(command.stateId, textOf(applyCommand(host.state(), command).state));
      possible.add(command.stateId);
      const proposal = host.propose(command).then(
        (outcome) => {
          if (outcome === 'applied') promised = command.stateId;
        },
        (error) => expect(error).toBeInstanceOf(FileOperationError),
      );
      if (random.chance(0.08)) break; // the crash comes while it is under way
      await harness.settle(proposal);
      if (promised === command.stateId) possible.clear();
    }
    if (random.chance(0.2))
      await harness.settle(host.close()).catch((error) => expect(error).toBeInstanceOf(FileOperationError));
    else await time.runAsync(time.nowMs + random.next() * 8);
    if (host.state().stateId === promised) possible.delete(promised);
    harness.stop(random.chance(0.7));
  }
}

describe('group 0 on one node', () => {
  test.each(seeds)('keeps every acknowledged command over crashes (seed %i)', async (seed) => {
    await runSeed(seed);
  });

  test('is founded once, and comes back as it was', async () => {
    const harness = new Harness(1);
    let host = await harness.open();
    const group = decodeGroup0Checkpoint(harness.files.contentOf(STATE), STATE).group;
    const applied: string[] = [];
    host.onApplied((state, command) => applied.push(`${state.stateId === command.stateId} ${command.description}`));
    const commands: Group0Command[] = [];
    for (let i = 0; i < 12; i++) {
      const command = harness.schema.next(host.state());
      commands.push(command);
      expect(await harness.settle(host.propose(command))).toBe('applied');
    }
    expect(applied).toEqual(commands.map((command) => `true ${command.description}`));
    const before = textOf(host.state());
    await harness.settle(host.close());
    await expect(host.propose(harness.schema.next(host.state()))).rejects.toThrow('group 0 is closed');
    expect(harness.files.openCount).toBe(0);
    host = await harness.open();
    expect(textOf(host.state()) === before).toBe(true);
    expect(decodeGroup0Checkpoint(harness.files.contentOf(STATE), STATE).group).toBe(group);
    expect(await harness.settle(host.propose(commands[3]!))).toBe('applied'); // known from the history
    expect(await harness.settle(host.propose({ ...commands[3]!, stateId: group }))).toBe('conflict');
  });

  test('answers rivals with one applied and conflicts', async () => {
    const harness = new Harness(2);
    const host = await harness.open();
    const rivals = Array.from({ length: 5 }, () => harness.schema.next(host.state()));
    const outcomes: ProposalOutcome[] = await harness.settle(
      Promise.all(rivals.map((command) => host.propose(command))),
    );
    expect(outcomes).toEqual(['applied', 'conflict', 'conflict', 'conflict', 'conflict']);
    expect(host.state().stateId).toBe(rivals[0]!.stateId);
  });

  test('cuts its log when the state is written', async () => {
    const harness = new Harness(3);
    harness.checkpointEntries = 10;
    const host = await harness.open();
    const segments = () => harness.files.list(DIRECTORY).filter((name) => name !== 'state.db');
    for (let i = 0; i < 200; i++) await harness.settle(host.propose(harness.schema.next(host.state())));
    await harness.settle(host.checkpoint());
    expect(segments().length).toBeLessThanOrEqual(8);
    expect(decodeGroup0Checkpoint(harness.files.contentOf(STATE), STATE).index).toBe(200);
  });

  test('refuses a command without space, and goes on when there is some', async () => {
    const harness = new Harness(4);
    const host = await harness.open();
    await harness.settle(host.propose(harness.schema.next(host.state())));
    const before = host.state();
    harness.files.plan = (operation) =>
      operation === 'write' || operation === 'writeSync' ? { errno: 'ENOSPC' } : undefined;
    await expect(harness.settle(host.propose(harness.schema.next(before)))).rejects.toThrow('ENOSPC');
    expect(host.state()).toBe(before);
    harness.files.plan = undefined;
    expect(await harness.settle(host.propose(harness.schema.next(before)))).toBe('applied');
    harness.stop(true);
    expect((await harness.open()).state().history.length).toBe(2);
  });

  test('answers unknown when a sync fails, and nothing after that', async () => {
    const harness = new Harness(5);
    const host = await harness.open();
    harness.files.plan = (operation) => (operation === 'fdatasync' ? { errno: 'EIO' } : undefined);
    expect(await harness.settle(host.propose(harness.schema.next(host.state())))).toBe('unknown');
    harness.files.plan = undefined;
    await expect(harness.settle(host.propose(harness.schema.next(host.state())))).rejects.toThrow('EIO');
  });

  test('refuses a command that is too large, and one that does not fit', async () => {
    const harness = new Harness(6);
    const host = await harness.open();
    const command = harness.schema.next(host.state());
    await expect(harness.settle(host.propose({ ...command, description: 'x'.repeat(10_000) }))).rejects.toThrow(
      'too large',
    );
    const drop = { format: 1, kind: 'drop-keyspace', schemaVersion: command.stateId, keyspace: 'nowhere' } as const;
    const misfit = harness.schema.command(host.state(), [{ kind: 'schema', change: drop }], 'misfit');
    await expect(harness.settle(host.propose(misfit))).rejects.toThrow('a dropped keyspace is there');
    expect(await harness.settle(host.propose(command))).toBe('applied');
  });

  describe('refuses at the start', () => {
    async function prepared(): Promise<Harness> {
      const harness = new Harness(7);
      const host = await harness.open();
      for (let i = 0; i < 8; i++) await harness.settle(host.propose(harness.schema.next(host.state())));
      await harness.settle(host.close());
      return harness;
    }

    test('a state that was changed, at any byte', async () => {
      const harness = await prepared();
      const size = harness.files.contentOf(STATE).length;
      for (let at = 0; at < size; at += at < 64 || at > size - 8 ? 1 : 97) {
        harness.files.flip(STATE, at, 1 << (at % 8));
        await expect(harness.open(), `byte ${at}`).rejects.toThrow(/state\.db/);
        harness.files.flip(STATE, at, 1 << (at % 8));
      }
      expect((await harness.open()).state().history.length).toBe(8);
    });

    test('a state of a newer version', async () => {
      const harness = await prepared();
      harness.files.flip(STATE, 4, 2);
      await expect(harness.open()).rejects.toThrow(UnsupportedFormatError);
    });

    test('a log without its state, and a state without its log', async () => {
      const harness = await prepared();
      const state = harness.files.contentOf(STATE);
      harness.files.unlink(STATE);
      await expect(harness.open()).rejects.toThrow('the state of group 0 is missing, but its log is there');
      harness.files.setContent(STATE, state);
      for (const name of harness.files.list(DIRECTORY))
        if (name !== 'state.db') harness.files.unlink(`${DIRECTORY}/${name}`);
      await expect(harness.open()).rejects.toThrow(CorruptFileError);
    });

    test('an older state than the log follows', async () => {
      const harness = new Harness(8);
      await harness.settle((await harness.open()).close());
      const old = harness.files.contentOf(STATE);
      const host = await harness.open();
      for (let i = 0; i < 12; i++) await harness.settle(host.propose(harness.schema.next(host.state())));
      await harness.settle(host.close());
      harness.files.setContent(STATE, old);
      await expect(harness.open()).rejects.toThrow('of group 0 are missing');
    });

    test("another host's data", async () => {
      const harness = await prepared();
      harness.hostId = '00000000-0000-4000-8000-000000000001' as HostId;
      await expect(harness.open()).rejects.toThrow(UnsupportedFormatError);
    });
  });
});

test('a node registers once, and again with other shards', async () => {
  const harness = new Harness(9);
  const host = await harness.open();
  const ids = new StateIdSource({ nowUs: () => 1_700_000_000_000_000, monotonicMs: () => 0 }, GROUP0_HOST_ID);
  await harness.settle(registerNode(host, ids, testNode(4)));
  const first = host.state();
  await harness.settle(registerNode(host, ids, testNode(4)));
  expect(host.state()).toBe(first);
  while (host.state().tabletMaps.size < 3) await harness.settle(host.propose(harness.schema.next(host.state())));
  await harness.settle(registerNode(host, ids, testNode(2)));
  const { nodes, tabletMaps } = host.state();
  expect(nodes.map((node) => node.shardCount)).toEqual([2]);
  for (const map of tabletMaps.values()) {
    expect(map.count).toBe(4);
    expect(Math.max(...map.shards)).toBe(1);
  }
});
