import type { Schema } from '../../core/schema/keyspace.ts';
import type { TableDescriptor } from '../../core/schema/table.ts';
import { readSchemaScript } from '../../cql/plan/schema-script.ts';

/** The schema that CREATE statements make out of nothing, unqualified names in keyspace `ks`; ids count from 1. */
export function makeSchema(script: string): Schema {
  let ids = 0;
  return readSchemaScript(
    `USE ks; ${script}`,
    () => `00000000-0000-4000-8000-${(++ids).toString(16).padStart(12, '0')}`,
  );
}

/** The table that the last CREATE TABLE of a script makes. */
export function makeTable(script: string): TableDescriptor {
  const tables = [...makeSchema(script).keyspaces.get('ks')!.tables.values()];
  return tables.at(-1)!;
}
