import type { Group0, Group0Change, Group0State } from '../cluster/group0.ts';
import { ImageEncoder } from '../cluster/metadata-image.ts';
import { placeTable } from '../cluster/placement.ts';
import type { StateIdSource } from '../cluster/state-id.ts';
import {
  InvalidRequestError,
  NotReadyError,
  OverloadedError,
  TesseraError,
  WriteTimeoutError,
} from '../core/errors.ts';
import type { HostId, TableId } from '../core/ids.ts';
import type { Clock } from '../core/ports/clock.ts';
import type { Files } from '../core/ports/files.ts';
import { type Log, LogLevel } from '../core/ports/log.ts';
import type { Random } from '../core/ports/random.ts';
import { applySchemaChange, type SchemaChange } from '../core/schema/schema-change.ts';
import type { SchemaStatement, Statement } from '../cql/language/ast.ts';
import type { parseStatement } from '../cql/language/parser.ts';
import type { planSchemaStatement } from '../cql/plan/ddl.ts';
import type { SchemaEnvironment } from '../cql/plan/schema-environment.ts';
import type { SchemaChange as SchemaEvent } from '../cql/protocol/event.ts';
import { randomUuid } from './random-uuid.ts';
import { SchemaFiles } from './schema-files.ts';

/** The part of CQL that schema statements need. */
export interface SchemaLanguage {
  readonly parseStatement: typeof parseStatement;
  readonly planSchemaStatement: typeof planSchemaStatement;
}

export interface SchemaServiceOptions {
  readonly group0: Group0;
  /** The one source of this node. */
  readonly stateIds: StateIdSource;
  readonly hostId: HostId;
  readonly files: Files;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly dataDirectory: string;
  /** Asked before each statement: no start needs the language on this thread, and loading it takes time and memory. */
  readonly loadLanguage: () => Promise<SchemaLanguage>;
  /**
   * Hands an image to every shard; resolves when all have switched to it and dropped the prepared statements that it
   * outdates. Called for one image after the other.
   */
  readonly publish: (image: SharedArrayBuffer, imageVersion: number) => Promise<void>;
}

/** What the client of a schema statement is told. */
export interface SchemaAnswer {
  /** Undefined when there was nothing to do. */
  readonly event: SchemaEvent | undefined;
  readonly warnings: readonly string[];
}

export interface MetadataImage {
  readonly memory: SharedArrayBuffer;
  readonly version: number;
}

/** Guards fail only while others change the schema at the same time. */
const MAX_ATTEMPTS = 16;
const MAX_DESCRIPTION_LENGTH = 1000;

const SCHEMA_STATEMENTS: readonly string[] = [
  'create-keyspace',
  'alter-keyspace',
  'drop-keyspace',
  'create-table',
  'alter-table',
  'drop-table',
  'create-type',
  'alter-type',
  'drop-type',
];

/**
 * Carries out schema statements on the main thread, one after the other:
 *
 *   plan against the newest state, propose with its id as guard; on a conflict again from the start
 *   write schema.cql of the tables that changed
 *   make the image and have every shard switch to it
 *   answer: whoever sees the answer finds the change on every shard
 *
 * Changes of group 0 that come from elsewhere are published in the same way.
 */
export class SchemaService {
  readonly #options: SchemaServiceOptions;
  readonly #schemaFiles: SchemaFiles;
  readonly #encoder: ImageEncoder = new ImageEncoder();
  #queue: Promise<unknown> = Promise.resolve();
  #imageVersion = 0;
  /** The state that shards and files follow. */
  #published: Group0State;
  #isClosed = false;

  constructor(options: SchemaServiceOptions) {
    this.#options = options;
    this.#schemaFiles = new SchemaFiles(options.files, options.log, options.dataDirectory);
    this.#published = options.group0.state();
  }

  /**
   * Brings the tables' `schema.cql` up to date and makes the image that shards start with. Later changes are published.
   * To be called once, before anything else.
   */
  async start(): Promise<MetadataImage> {
    const { group0, log } = this.#options;
    const state = group0.state();
    await this.#schemaFiles.restore(state.schema);
    this.#published = state;
    const image = this.#makeImage(state);
    group0.onApplied(() => {
      this.#enqueue(() => this.#publishNewest()).catch((error: unknown) => {
        if (!(error instanceof TesseraError)) throw error;
        log.write(LogLevel.Warn, 'schema', `cannot publish the newest metadata: ${error.message}`);
      });
    });
    return image;
  }

  /** Ends after the statements that are under way; later ones are refused. */
  async close(): Promise<void> {
    this.#isClosed = true;
    await this.#queue;
  }

  /**
   * Carries out one schema statement.
   * @param keyspaceInUse of the connection, '' for none
   * @throws SyntaxException and the other errors of `planSchemaStatement`: nothing was done
   * @throws FileOperationError, OverloadedError, NotReadyError: nothing was done
   * @throws WriteTimeoutError: whether the change will be is not known
   */
  execute(text: string, keyspaceInUse: string): Promise<SchemaAnswer> {
    if (this.#isClosed) return Promise.reject(new NotReadyError('The node is shutting down: no schema changes'));
    return this.#enqueue(() => this.#execute(text, keyspaceInUse));
  }

  #enqueue<Result>(step: () => Promise<Result>): Promise<Result> {
    const result = this.#queue.then(step);
    this.#queue = result.catch(() => {}); // whoever asked for the step gets its error
    return result;
  }

  async #execute(text: string, keyspaceInUse: string): Promise<SchemaAnswer> {
    const { parseStatement, planSchemaStatement } = await this.#options.loadLanguage();
    const statement = parseStatement(text);
    if (!isSchemaStatement(statement)) throw new InvalidRequestError('This is no schema statement');
    const { group0, stateIds, hostId } = this.#options;
    for (let attempt = 0; attempt < MAX_ATTEMPTS; attempt++) {
      const state = group0.state();
      const planned = planSchemaStatement(statement, keyspaceInUse, state.schema, this.#environment(state));
      const { change, event, warnings } = planned;
      if (change === undefined) return { event, warnings };
      const outcome = await group0.propose({
        stateId: stateIds.next(state.stateId),
        previousStateId: state.stateId,
        creator: hostId,
        description: text.slice(0, MAX_DESCRIPTION_LENGTH),
        changes: withTablets(state, change),
      });
      if (outcome === 'conflict') continue;
      if (outcome === 'unknown') {
        throw new WriteTimeoutError('The log of group 0 failed: the schema change may or may not take effect');
      }
      return { event, warnings: [...warnings, ...(await this.#publishNewest())] };
    }
    throw new OverloadedError(
      `The schema was changed by others ${MAX_ATTEMPTS} times while this statement was planned`,
    );
  }

  /** Has files and shards follow the newest state, if they do not yet. Resolves to warnings. */
  async #publishNewest(): Promise<string[]> {
    const before = this.#published.schema;
    const state = this.#options.group0.state();
    if (state === this.#published) return [];
    const warnings = await this.#schemaFiles.update(before, state.schema);
    const image = this.#makeImage(state);
    await this.#options.publish(image.memory, image.version);
    this.#published = state;
    this.#schemaFiles.removeDropped(before, state.schema);
    return warnings;
  }

  #makeImage(state: Group0State): MetadataImage {
    const version = ++this.#imageVersion;
    return { memory: this.#encoder.encode(state, version), version };
  }

  #environment(state: Group0State): SchemaEnvironment {
    const racks = new Map<string, { nodeCount: number; names: Set<string> }>();
    for (const { dataCenter, rack } of state.nodes) {
      const known = racks.get(dataCenter) ?? { nodeCount: 0, names: new Set<string>() };
      known.nodeCount++;
      known.names.add(rack);
      racks.set(dataCenter, known);
    }
    return {
      dataCenters: new Map(
        [...racks].map(([name, { nodeCount, names }]) => [name, { nodeCount, rackCount: names.size }]),
      ),
      newUuid: () => randomUuid(this.#options.random),
      nowUs: this.#options.clock.nowUs(),
    };
  }
}

function isSchemaStatement(statement: Statement): statement is SchemaStatement {
  return SCHEMA_STATEMENTS.includes(statement.kind);
}

/** The changes of a command: a new table comes with its tablets. */
function withTablets(state: Group0State, change: SchemaChange): Group0Change[] {
  const changes: Group0Change[] = [{ kind: 'schema', change }];
  if (change.kind === 'create-table') {
    const keyspace = applySchemaChange(state.schema, change).keyspaces.get(change.table.keyspace)!;
    const map = placeTable(change.table.id as TableId, keyspace, state.nodes, state.topologyVersion + 1);
    changes.push({ kind: 'tablets', maps: [map] });
  }
  return changes;
}
