import { expect, test } from 'vitest';
import { TesseraError } from '../../core/errors.ts';
import type { Schema } from '../../core/schema/keyspace.ts';
import { applySchemaChange, EMPTY_SCHEMA } from '../../core/schema/schema-change.ts';
import { keyspaceData, typeData } from '../../core/schema/schema-codec.ts';
import { schemaCql } from '../../core/schema/schema-cql.ts';
import { recordedScripts, replayScript } from '../../test/support/recorded-scripts.ts';
import type { SchemaStatement, Statement } from '../language/ast.ts';
import { parseStatement } from '../language/parser.ts';
import { planSchemaStatement } from './ddl.ts';
import type { SchemaEnvironment } from './schema-environment.ts';
import { readSchemaScript } from './schema-script.ts';

/** One script: statements one after the other on one schema, in keyspace `ks` once that is there. */
class Script {
  schema: Schema = EMPTY_SCHEMA;
  #uuids = 0;
  #nowUs = 1_700_000_000_000_000;

  run(text: string): string {
    try {
      const statement = parseStatement(text) as Statement & SchemaStatement;
      const inUse = this.schema.keyspaces.has('ks') ? 'ks' : undefined;
      const { change, event, warnings } = planSchemaStatement(statement, inUse, this.schema, this.environment());
      if (change === undefined || event === undefined) return 'nothing to do';
      // What is applied is what other nodes and a restart see: plain data.
      this.schema = applySchemaChange(this.schema, structuredClone(change));
      const shown = [`${event.change} ${event.target} ${event.keyspace} ${event.name}`.trimEnd()];
      for (const warning of warnings) shown.push(`warning: ${warning}`);
      shown.push(this.#show(event.target, event.keyspace, event.name));
      return shown.filter((line) => line !== '').join('\n');
    } catch (error) {
      if (!(error instanceof TesseraError)) throw error;
      return `${error.name}: ${error.message}`;
    }
  }

  environment(): SchemaEnvironment {
    this.#nowUs += 1_000_000;
    return {
      dataCenters: new Map([['datacenter1', { nodeCount: 1, rackCount: 1 }]]),
      newUuid: () => `00000000-0000-4000-8000-${(++this.#uuids).toString(16).padStart(12, '0')}`,
      nowUs: this.#nowUs,
    };
  }

  #show(target: string, keyspaceName: string, name: string): string {
    const keyspace = this.schema.keyspaces.get(keyspaceName);
    if (target === 'KEYSPACE') return keyspace === undefined ? '' : JSON.stringify(keyspaceData(keyspace));
    if (target === 'TYPE') {
      const type = keyspace?.types.get(name);
      if (type === undefined) return '';
      const users = [...keyspace!.tables.values()].map((table) => `${table.name}@${table.version}`).join(' ');
      return `${JSON.stringify(typeData(type).fields)} ${type.className}\n${users}`.trimEnd();
    }
    const table = keyspace?.tables.get(name);
    if (keyspace === undefined || table === undefined) return '';
    const text = schemaCql(keyspace, table);
    expectReadBack(text, keyspaceName, name, this.schema);
    const ids = table.definition.columns.map((column) => `${column.name}=${column.id}/${column.position}`);
    return `${shorten(text)}\n${ids.join(' ')} next ${table.definition.nextColumnId}`;
  }
}

/** A `schema.cql` makes the same table again, but for its version. */
function expectReadBack(text: string, keyspace: string, name: string, schema: Schema): void {
  const read = readSchemaScript(text, () => '11111111-1111-4111-8111-111111111111');
  const again = read.keyspaces.get(keyspace)!.tables.get(name)!;
  const table = schema.keyspaces.get(keyspace)!.tables.get(name)!;
  const comparable = ({ definition }: typeof table) => ({
    ...definition,
    version: 0,
    columns: definition.columns
      .map((column) => ({ ...column, type: column.type.className }))
      .sort((a, b) => a.id - b.id),
    droppedColumns: definition.droppedColumns
      .map((column) => ({ ...column, type: column.type.className }))
      .sort((a, b) => a.id - b.id),
  });
  expect(comparable(again), text).toEqual(comparable(table));
}

/** Without what every table has by default, and without blank lines, which end an answer. */
function shorten(text: string): string {
  const defaults = [
    'bloom_filter_fp_chance = 0.01',
    "caching = {'keys': 'ALL', 'rows_per_partition': 'ALL'}",
    "comment = ''",
    "compaction = {'class': 'org.apache.cassandra.db.compaction.SizeTieredCompactionStrategy'}",
    "compression = {'chunk_length_in_kb': '4', 'sstable_compression': 'org.apache.cassandra.io.compress.LZ4Compressor'}",
    'crc_check_chance = 1',
    'dclocal_read_repair_chance = 0',
    'default_time_to_live = 0',
    'gc_grace_seconds = 864000',
    'max_index_interval = 2048',
    'memtable_flush_period_in_ms = 0',
    'min_index_interval = 128',
    'read_repair_chance = 0',
    "speculative_retry = '99.0PERCENTILE'",
  ];
  const flat = text.replaceAll('\n    AND ', ' AND ');
  const withoutOption = (shown: string, option: string) =>
    shown.replace(` AND ${option};`, ';').replace(` AND ${option} AND `, ' AND ');
  return defaults.reduce(withoutOption, flat).trimEnd();
}

const scripts = recordedScripts(new URL('./testdata/', import.meta.url), 'ddl-');
for (const recorded of scripts) {
  test(`statements of ${recorded.name} change the schema and fail as recorded`, async () => {
    const script = new Script();
    const replayed = replayScript(recorded, (lines) => script.run(lines.join('\n')));
    await expect(replayed).toMatchFileSnapshot(recorded.path);
  });
}

test('there are scripts', () => {
  expect(scripts.length).toBeGreaterThan(3);
});
