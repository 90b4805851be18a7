import type { SchemaChange } from '../../core/schema/schema-change.ts';
import type { SchemaChange as SchemaEvent } from '../protocol/event.ts';

/** What a schema statement comes to. */
export interface PlannedSchemaChange {
  /** Undefined when there is nothing to do (IF NOT EXISTS, IF EXISTS): so is `event` then. */
  readonly change: SchemaChange | undefined;
  /** What the client and those who registered are told. */
  readonly event: SchemaEvent | undefined;
  /** Texts for the warnings of the answer. */
  readonly warnings: readonly string[];
}

export const NOTHING_TO_DO: PlannedSchemaChange = { change: undefined, event: undefined, warnings: [] };

/** The plan of `change`, with the event that goes with it. */
export function plannedChange(change: SchemaChange, warnings: readonly string[] = []): PlannedSchemaChange {
  return { change, event: eventOf(change), warnings };
}

function eventOf(change: SchemaChange): SchemaEvent {
  const verb = change.kind.startsWith('create') ? 'CREATED' : change.kind.startsWith('alter') ? 'UPDATED' : 'DROPPED';
  const event = (target: SchemaEvent['target'], keyspace: string, name: string): SchemaEvent => ({
    change: verb,
    target,
    keyspace,
    name,
    argumentTypes: [],
  });
  switch (change.kind) {
    case 'create-keyspace':
    case 'alter-keyspace':
      return event('KEYSPACE', change.keyspace.name, '');
    case 'drop-keyspace':
      return event('KEYSPACE', change.keyspace, '');
    case 'create-table':
    case 'alter-table':
      return event('TABLE', change.table.keyspace, change.table.name);
    case 'drop-table':
      return event('TABLE', change.keyspace, change.table);
    case 'create-type':
    case 'alter-type':
      return event('TYPE', change.type.keyspace, change.type.name);
    default:
      return event('TYPE', change.keyspace, change.type);
  }
}
