import type { KeyspaceDescriptor, Schema } from '../../core/schema/keyspace.ts';
import type { TableDescriptor } from '../../core/schema/table.ts';
import type { CqlType } from '../../core/types/cql-type.ts';
import type { SchemaChange } from '../../cql/protocol/event.ts';

/** What is different between two versions of the schema, for events and for statements that depend on it. */

/**
 * The changes that lead from one schema to the next, as drivers are told of them, each after what it needs: keyspaces, types and
 * tables appear in this order. Of a dropped keyspace only itself is told: what was in it goes with it.
 */
export function schemaChanges(previous: Schema, next: Schema): SchemaChange[] {
  const changes: SchemaChange[] = [];
  for (const [name, keyspace] of next.keyspaces) {
    const before = previous.keyspaces.get(name);
    if (before === keyspace) continue;
    if (before === undefined) changes.push(change('CREATED', 'KEYSPACE', name, ''));
    else if (isKeyspaceAltered(before, keyspace)) changes.push(change('UPDATED', 'KEYSPACE', name, ''));
    const nothing = new Map<string, never>();
    compare('TYPE', name, before?.types ?? nothing, keyspace.types, typeDifference, changes);
    compare('TABLE', name, before?.tables ?? nothing, keyspace.tables, difference, changes);
  }
  for (const name of previous.keyspaces.keys()) {
    if (!next.keyspaces.has(name)) changes.push(change('DROPPED', 'KEYSPACE', name, ''));
  }
  return changes;
}

/** True if the table is gone, another one of its name, or of another version. */
export function isTableChanged(table: TableDescriptor, next: Schema): boolean {
  const after = next.keyspaces.get(table.keyspace)?.tables.get(table.name);
  return after === undefined || difference(table, after) !== Difference.None;
}

/** Keyspaces in which a type was altered or dropped. */
export function keyspacesWithChangedTypes(previous: Schema, next: Schema): Set<string> {
  const changed = new Set<string>();
  for (const [name, { types }] of previous.keyspaces) {
    const after = next.keyspaces.get(name)?.types;
    if (after === types) continue;
    for (const [typeName, type] of types) {
      const nextType = after?.get(typeName);
      if (nextType === undefined || typeDifference(type, nextType) !== Difference.None) changed.add(name);
    }
  }
  return changed;
}

function compare<Item>(
  target: 'TYPE' | 'TABLE',
  keyspace: string,
  before: ReadonlyMap<string, Item>,
  after: ReadonlyMap<string, Item>,
  differenceOf: (before: Item, after: Item) => Difference,
  changes: SchemaChange[],
): void {
  if (before === after) return;
  for (const [name, item] of after) {
    const old = before.get(name);
    const kind = old === undefined ? Difference.Another : differenceOf(old, item);
    if (kind === Difference.Altered) changes.push(change('UPDATED', target, keyspace, name));
    if (kind !== Difference.Another) continue;
    if (old !== undefined) changes.push(change('DROPPED', target, keyspace, name));
    changes.push(change('CREATED', target, keyspace, name));
  }
  for (const name of before.keys()) if (!after.has(name)) changes.push(change('DROPPED', target, keyspace, name));
}

const Difference = { None: 0, Altered: 1, Another: 2 } as const;
type Difference = (typeof Difference)[keyof typeof Difference];

/** Versions count the changes of a table; a table made again under its name has another id. */
function difference(before: TableDescriptor, after: TableDescriptor): Difference {
  if (before === after) return Difference.None;
  if (before.id !== after.id) return Difference.Another;
  return before.version === after.version ? Difference.None : Difference.Altered;
}

/** The class name holds the names and types of all fields, at every depth. */
function typeDifference(before: CqlType, after: CqlType): Difference {
  return before === after || before.className === after.className ? Difference.None : Difference.Altered;
}

function isKeyspaceAltered(before: KeyspaceDescriptor, after: KeyspaceDescriptor): boolean {
  return (
    before.durableWrites !== after.durableWrites ||
    before.consistency !== after.consistency ||
    !isSameMap(before.replication, after.replication) ||
    !isSameMap(before.tablets, after.tablets)
  );
}

function isSameMap(a: Readonly<Record<string, string>>, b: Readonly<Record<string, string>>): boolean {
  const keys = Object.keys(a);
  return keys.length === Object.keys(b).length && keys.every((key) => Object.hasOwn(b, key) && a[key] === b[key]);
}

function change(
  kind: SchemaChange['change'],
  target: SchemaChange['target'],
  keyspace: string,
  name: string,
): SchemaChange {
  return { change: kind, target, keyspace, name, argumentTypes: [] };
}
