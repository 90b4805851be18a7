import type { Group0Change, Group0Command, Group0State } from '../../cluster/group0.ts';
import type { NodeRecord } from '../../cluster/node-record.ts';
import { placeTable } from '../../cluster/placement.ts';
import { StateIdSource } from '../../cluster/state-id.ts';
import { TesseraError } from '../../core/errors.ts';
import type { HostId, TableId } from '../../core/ids.ts';
import { applySchemaChange, type SchemaChange } from '../../core/schema/schema-change.ts';
import type { SchemaStatement, Statement } from '../../cql/language/ast.ts';
import { parseStatement } from '../../cql/language/parser.ts';
import { planSchemaStatement } from '../../cql/plan/ddl.ts';
import type { SimRandom } from '../sim/sim-random.ts';

export const GROUP0_HOST_ID = '6f0c2a51-8d0f-4f0e-9f2c-0a6f6d2b8f11' as HostId;

export function testNode(shardCount: number, hostId: string = GROUP0_HOST_ID, rack = 'rack1'): NodeRecord {
  return {
    hostId: hostId as HostId,
    dataCenter: 'datacenter1',
    rack,
    shardCount,
    rpcAddress: '127.0.0.1',
    listenAddress: '127.0.0.1',
    cqlPort: 9042,
    storagePort: 7000,
  };
}

const NAMES = ['t', 'u', 'v', '"__proto__"', '"Case"', 'constructor', 'w'];
const TYPES = [
  'int',
  'text',
  'list<int>',
  'map<text, frozen<set<uuid>>>',
  'tuple<int, text>',
  'vector<float, 3>',
  'duration',
];

/** Makes commands for group 0 by carrying out random CQL on a state: what a cluster does, in small. */
export class RandomSchema {
  readonly #random: SimRandom;
  readonly #stateIds: StateIdSource;
  #nowUs = 1_700_000_000_000_000;

  /** @param creator another one for each source of commands to one group */
  constructor(random: SimRandom, creator: HostId = GROUP0_HOST_ID) {
    this.#random = random;
    this.#stateIds = new StateIdSource({ nowUs: () => this.#nowUs, monotonicMs: () => 0 }, creator);
  }

  /** A command that applies to `state` and changes it. */
  next(state: Group0State): Group0Command {
    if (state.nodes.length === 0) return this.command(state, [{ kind: 'node', node: testNode(3) }], 'node');
    for (;;) {
      const text = this.#statement(state);
      try {
        const change = this.#plan(text, state);
        if (change !== undefined) return this.command(state, withTablets(state, change), text);
      } catch (error) {
        if (!(error instanceof TesseraError)) throw error; // refused, as random statements often are
      }
    }
  }

  command(state: Group0State, changes: readonly Group0Change[], description: string): Group0Command {
    this.#nowUs += this.#random.integer(0, 5);
    return {
      stateId: this.#stateIds.next(state.stateId),
      previousStateId: state.stateId,
      creator: GROUP0_HOST_ID,
      description,
      changes,
    };
  }

  #plan(text: string, state: Group0State): SchemaChange | undefined {
    return planSchemaStatement(parseStatement(text) as Statement & SchemaStatement, undefined, state.schema, {
      dataCenters: new Map([['datacenter1', { nodeCount: 1, rackCount: 1 }]]),
      newUuid: () => this.#uuid(),
      nowUs: ++this.#nowUs,
    }).change;
  }

  #uuid(): string {
    const bytes = new Uint8Array(16);
    this.#random.fill(bytes);
    const hex = Buffer.from(bytes).toString('hex');
    return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-4${hex.slice(13, 16)}-8${hex.slice(17, 20)}-${hex.slice(20)}`;
  }

  #statement(state: Group0State): string {
    const random = this.#random;
    const keyspace = random.pick(['ks', 'other', '"__proto__"']);
    const name = `${keyspace}.${random.pick(NAMES)}`;
    const column = random.pick(['a', 'b', '"__proto__"', 'k', 'c']);
    const type = random.pick([...TYPES, `frozen<${random.pick(NAMES)}>`, random.pick(NAMES)]);
    const pick = random.integer(0, 14);
    if (state.schema.keyspaces.size === 0 || pick === 0) return `CREATE KEYSPACE ${keyspace}`;
    if (pick === 1) return `DROP TABLE ${name}`;
    if (pick === 2 && random.chance(0.1)) return `DROP KEYSPACE ${keyspace}`;
    if (pick === 3) return `CREATE TYPE ${name} (a ${type}, "__proto__" text)`;
    if (pick === 4) return `ALTER TYPE ${name} ADD ${column} ${type}`;
    if (pick === 5) return `DROP TYPE ${name}`;
    if (pick === 6) return `ALTER TABLE ${name} DROP ${column}`;
    if (pick === 7) return `ALTER TABLE ${name} WITH comment = '${random.integer(0, 100)}'`;
    if (pick === 8) return `ALTER KEYSPACE ${keyspace} WITH durable_writes = ${random.chance(0.5)}`;
    if (pick < 11) return `ALTER TABLE ${name} ADD ${column} ${type}${random.chance(0.3) ? ' static' : ''}`;
    const order = random.pick(['', ' WITH CLUSTERING ORDER BY (c DESC)']);
    return `CREATE TABLE ${name} (k int, c ${random.pick(['int', 'text'])}, a ${type}, PRIMARY KEY (k, c))${order}`;
  }
}

/** The changes of a schema command, with the tablets of a new table. */
export function withTablets(state: Group0State, change: SchemaChange): Group0Change[] {
  const changes: Group0Change[] = [{ kind: 'schema', change }];
  if (change.kind === 'create-table') {
    const keyspace = applySchemaChange(state.schema, change).keyspaces.get(change.table.keyspace)!;
    const map = placeTable(change.table.id as TableId, keyspace, state.nodes, state.topologyVersion + 1);
    changes.push({ kind: 'tablets', maps: [map] });
  }
  return changes;
}
