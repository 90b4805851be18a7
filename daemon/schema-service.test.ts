import { describe, expect, test } from 'vitest';
import type { Group0, Group0Command, ProposalOutcome } from '../cluster/group0.ts';
import { MetadataView } from '../cluster/metadata-view.ts';
import { StateIdSource } from '../cluster/state-id.ts';
import { NotReadyError } from '../core/errors.ts';
import type { HostId } from '../core/ids.ts';
import type { Clock } from '../core/ports/clock.ts';
import type { TableDescriptor } from '../core/schema/table.ts';
import { parseStatement } from '../cql/language/parser.ts';
import { planSchemaStatement } from '../cql/plan/ddl.ts';
import { readSchemaScript } from '../cql/plan/schema-script.ts';
import { SimTime } from '../test/sim/sim-clock.ts';
import { SimFiles } from '../test/sim/sim-files.ts';
import { SimRandom } from '../test/sim/sim-random.ts';
import { SimTasks } from '../test/sim/sim-tasks.ts';
import { GROUP0_HOST_ID, RandomSchema, testNode } from '../test/support/group0-arbitraries.ts';
import { Group0Host } from './group0-host.ts';
import { registerNode } from './node-registration.ts';
import { SchemaService } from './schema-service.ts';

class Harness {
  readonly time = new SimTime();
  readonly random = new SimRandom(1);
  readonly files = new SimFiles((operation) => this.time.after(0.1, operation));
  readonly clock: Clock = { nowUs: () => 1_700_000_000_000_000, monotonicMs: () => this.time.nowMs };
  readonly log: string[] = [];
  tasks: SimTasks = new SimTasks(this.time, this.random);
  host!: Group0Host;
  service!: SchemaService;
  /** Views of the one shard there is, oldest first. */
  readonly views: MetadataView[] = [];
  /** Runs when an image is published, before the shard has switched. */
  whilePublishing: () => void = () => {};
  stateIds = new StateIdSource(this.clock, GROUP0_HOST_ID);

  async start(wrap: (group0: Group0) => Group0 = (group0) => group0): Promise<this> {
    const log = { write: (_level: number, _module: string, message: string) => this.log.push(message) };
    const { files, tasks, random } = this;
    files.makeDirectory('/work');
    files.syncDirectory('/');
    this.host = await this.settle(
      Group0Host.open({ files, tasks, random, log, directory: '/work/group0', hostId: GROUP0_HOST_ID }),
    );
    await this.settle(registerNode(this.host, this.stateIds, testNode(2)));
    this.service = new SchemaService({
      group0: wrap(this.host),
      stateIds: this.stateIds,
      hostId: GROUP0_HOST_ID,
      files,
      clock: this.clock,
      random,
      log,
      dataDirectory: '/work/data',
      loadLanguage: async () => ({ parseStatement, planSchemaStatement }),
      publish: async (image, version) => {
        this.whilePublishing();
        await new Promise<void>((done) => this.time.after(5, done));
        this.#switchTo(image, version);
      },
    });
    const image = await this.settle(this.service.start());
    this.#switchTo(image.memory, image.version);
    return this;
  }

  #switchTo(image: SharedArrayBuffer, version: number): void {
    const view = new MetadataView(image, GROUP0_HOST_ID, this.views.at(-1));
    expect(view.imageVersion).toBe(version);
    this.views.push(view);
  }

  async settle<Value>(promise: Promise<Value>): Promise<Value> {
    let isSettled = false;
    const done = () => {
      isSettled = true;
    };
    promise.then(done, done);
    while (!isSettled) await this.time.runAsync(this.time.nowMs + 5);
    return promise;
  }

  run(text: string, keyspace = 'ks'): Promise<unknown> {
    return this.settle(this.service.execute(text, keyspace));
  }

  table(name: string): TableDescriptor | undefined {
    return this.views.at(-1)!.schema.keyspaces.get('ks')?.tables.get(name);
  }

  schemaText(table: TableDescriptor): string {
    const path = `/work/data/ks/${table.name}-${table.id.replaceAll('-', '')}/schema.cql`;
    return Buffer.from(this.files.contentOf(path)).toString('utf8');
  }

  async restart(isPowerFailure: boolean): Promise<void> {
    this.tasks.stop();
    if (isPowerFailure) this.files.crash(this.random.fork());
    else this.files.kill();
    this.tasks = new SimTasks(this.time, this.random);
    this.views.length = 0;
    await this.start();
  }
}

const eventOf = (change: string, target: string, name: string) => ({
  event: { change, target, keyspace: 'ks', name, argumentTypes: [] },
  warnings: [],
});

describe('SchemaService', () => {
  test('answers when the shards have switched, and shows them the change', async () => {
    const harness = await new Harness().start();
    expect(await harness.run('CREATE KEYSPACE ks', '')).toEqual(eventOf('CREATED', 'KEYSPACE', ''));
    expect(await harness.run('CREATE TABLE t (a int PRIMARY KEY, b text)')).toEqual(eventOf('CREATED', 'TABLE', 't'));
    const table = harness.table('t')!;
    const route = harness.views.at(-1)!.route(table.id)!;
    expect([route.tabletCount, route.shardOf(0) + route.shardOf(1)]).toEqual([2, 1]);
    expect(await harness.run('CREATE TABLE IF NOT EXISTS t (a int PRIMARY KEY)')).toEqual({
      event: undefined,
      warnings: [],
    });
    expect(await harness.run('ALTER TABLE t ADD c int')).toEqual(eventOf('UPDATED', 'TABLE', 't'));
    expect(harness.table('t')!.version).toBe(2);
    expect(harness.views.map((view) => view.imageVersion)).toEqual([1, 2, 3, 4]);
    await expect(harness.run('ALTER TABLE t ADD c int')).rejects.toThrow('conflicts with an existing column');
    await expect(harness.run('SELECT * FROM t')).rejects.toThrow('no schema statement');
    await expect(harness.run('CREATE TABEL t')).rejects.toThrow('line 1:7');
    expect(harness.views.length).toBe(4);
  });

  test('keeps schema.cql beside the data, and takes it away with the table', async () => {
    const harness = await new Harness().start();
    await harness.run('CREATE KEYSPACE ks', '');
    await harness.run('CREATE TYPE u (x int)');
    await harness.run('CREATE TABLE t (a int PRIMARY KEY, b frozen<u>)');
    await harness.run('CREATE TABLE other (a int PRIMARY KEY)');
    await harness.run('ALTER TABLE t DROP b');
    const table = harness.table('t')!;
    const read = readSchemaScript(harness.schemaText(table), () => table.id)
      .keyspaces.get('ks')!
      .tables.get('t')!;
    expect(read.definition.droppedColumns.length).toBe(1);
    expect({ ...read.definition, version: 3 }.columns).toEqual(table.definition.columns);
    await harness.run('ALTER TABLE t ADD c frozen<u>');
    await harness.run('ALTER TYPE u ADD y text');
    expect(harness.schemaText(harness.table('t')!)).toContain('CREATE TYPE IF NOT EXISTS ks.u (x int, y text);');
    const directory = `/work/data/ks/t-${table.id.replaceAll('-', '')}`;
    harness.files.setContent(`${directory}/me-1-big-Data.db`, new Uint8Array(1));
    await harness.run('DROP TABLE t');
    expect(harness.files.list(directory)).toEqual(['me-1-big-Data.db']); // the shards delete their own
    await harness.run('DROP TABLE other');
    expect(harness.files.list('/work/data/ks')).toEqual([directory.slice(directory.lastIndexOf('/') + 1)]);
    expect(harness.files.openCount).toBeLessThanOrEqual(2); // the log's
  });

  test('carries out one statement after the other', async () => {
    const harness = await new Harness().start();
    await harness.run('CREATE KEYSPACE ks', '');
    let publishing = 0;
    harness.whilePublishing = () => {
      publishing++;
      expect(harness.views.length).toBe(publishing + 1); // the one before has been switched to
    };
    const names = ['a', 'b', 'c', 'd', 'b'];
    const all = names.map((name) => harness.service.execute(`CREATE TABLE ${name} (k int PRIMARY KEY)`, 'ks'));
    const results = await harness.settle(Promise.allSettled(all));
    expect(results.map((result) => result.status)).toEqual([
      'fulfilled',
      'fulfilled',
      'fulfilled',
      'fulfilled',
      'rejected',
    ]);
    expect([...harness.views.at(-1)!.schema.keyspaces.get('ks')!.tables.keys()]).toEqual(['a', 'b', 'c', 'd']);
  });

  test('plans again when somebody else was faster', async () => {
    const harness = new Harness();
    const rival = new RandomSchema(new SimRandom(5), '00000000-0000-4000-8000-00000000000b' as HostId);
    let conflicts = 2;
    await harness.start((group0) => ({
      state: () => group0.state(),
      onApplied: (listener) => group0.onApplied(listener),
      propose: async (command: Group0Command): Promise<ProposalOutcome> => {
        if (conflicts-- > 0) {
          const change = {
            kind: 'node',
            node: testNode(2, `0000000${conflicts}-0000-4000-8000-000000000000`),
          } as const;
          await group0.propose(rival.command(group0.state(), [change], 'rival'));
        }
        return group0.propose(command);
      },
    }));
    expect(await harness.run('CREATE KEYSPACE ks', '')).toEqual(eventOf('CREATED', 'KEYSPACE', ''));
    expect(conflicts).toBe(-1);
    expect(harness.views.at(-1)!.nodes.length).toBe(3);
    await harness.settle(
      harness.host.propose(rival.command(harness.host.state(), [{ kind: 'node', node: testNode(4) }], 'more')),
    );
    await harness.time.runAsync(harness.time.nowMs + 50);
    expect(harness.views.at(-1)!.nodes[0]!.shardCount).toBe(4); // published without a statement
  });

  test('gives up when others never let it through', async () => {
    const harness = new Harness();
    await harness.start((group0) => ({
      state: () => group0.state(),
      onApplied: () => {},
      propose: () => Promise.resolve('conflict'),
    }));
    await expect(harness.run('CREATE KEYSPACE ks', '')).rejects.toThrow('changed by others');
  });

  test('says so when the outcome is unknown', async () => {
    const harness = await new Harness().start();
    harness.files.plan = (operation) => (operation === 'fdatasync' ? { errno: 'EIO' } : undefined);
    await expect(harness.run('CREATE KEYSPACE ks', '')).rejects.toMatchObject({ code: 'WRITE_TIMEOUT' });
  });

  test('publishes again what a failed publication left, and ends in order', async () => {
    const harness = await new Harness().start();
    harness.whilePublishing = () => {
      throw new NotReadyError('a shard is not ready');
    };
    await expect(harness.run('CREATE KEYSPACE ks', '')).rejects.toThrow('a shard is not ready');
    harness.whilePublishing = () => {};
    const last = harness.service.execute('CREATE TABLE t (a int PRIMARY KEY)', 'ks');
    const closed = harness.service.close();
    await expect(harness.run('CREATE TABLE u (a int PRIMARY KEY)')).rejects.toThrow('shutting down');
    await harness.settle(closed);
    expect(await last).toEqual(eventOf('CREATED', 'TABLE', 't'));
    expect(harness.table('t')?.version).toBe(1);
    expect(harness.log).toEqual([expect.stringContaining('a shard is not ready')]);
  });

  test('warns when schema.cql cannot be written, and writes it at the next start', async () => {
    const harness = await new Harness().start();
    await harness.run('CREATE KEYSPACE ks', '');
    harness.files.plan = (_operation, path) => (path.endsWith('schema.cql.tmp') ? { errno: 'EACCES' } : undefined);
    const answer = await harness.run('CREATE TABLE t (a int PRIMARY KEY)');
    expect(answer).toMatchObject({ warnings: [expect.stringContaining('cannot write schema.cql of ks.t')] });
    const table = harness.table('t')!;
    harness.files.plan = undefined;
    expect(() => harness.schemaText(table)).toThrow();
    await harness.restart(false);
    expect(harness.schemaText(table)).toContain('CREATE TABLE ks.t');
    expect(harness.table('t')!.definition).toEqual(table.definition);
  });

  test.each([true, false])(
    'comes back after a crash with all that it answered (power failure: %s)',
    async (isPowerFailure) => {
      const harness = await new Harness().start();
      await harness.run('CREATE KEYSPACE ks', '');
      for (let i = 0; i < 20; i++) {
        await harness.run(`CREATE TABLE t${i} (a int PRIMARY KEY)`);
        if (i % 3 === 0) await harness.run(`ALTER TABLE t${i} WITH comment = 'x'`);
        if (i % 7 === 0) await harness.restart(isPowerFailure);
        for (let k = 0; k <= i; k++) {
          const table = harness.table(`t${k}`)!;
          expect(table.version).toBe(k % 3 === 0 ? 2 : 1);
          expect(harness.schemaText(table)).toContain(`version ${table.version}\n`);
        }
      }
    },
  );
});
