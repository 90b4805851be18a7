import { InvalidRequestError } from '../../core/errors.ts';
import { type ColumnDescriptor, ColumnKind } from '../../core/schema/column.ts';
import type { TableDescriptor } from '../../core/schema/table.ts';
import { TypeKind } from '../../core/types/cql-type.ts';
import type * as ast from '../language/ast.ts';
import { existenceCondition } from './conditions.ts';
import { KeyGroup } from './key-group.ts';
import { Modification, RowEffect } from './modification.ts';
import { CellWriter } from './modify-cells.ts';
import { PartitionKeys } from './modify-keys.ts';
import { ClusteringRows } from './modify-rows.ts';
import { type ColumnOperation, setOperation, writtenColumn } from './operations.ts';
import { prepareTerm, type TermScope } from './prepare-term.ts';
import { refuseTimestamp, UsingClause } from './using.ts';

/** @throws InvalidRequestError when the statement does not suit the table */
export function planInsert(statement: ast.InsertStatement, table: TableDescriptor, scope: TermScope): Modification {
  const { columns: names, values, ifNotExists } = statement;
  if (table.regulars.some(({ type }) => type.kind === TypeKind.Counter)) {
    throw new InvalidRequestError('INSERT statement are not allowed on counter tables, use UPDATE instead');
  }
  if (names.length !== values.length) throw new InvalidRequestError('Unmatched column names/values');
  const keys = new Map<ColumnDescriptor, KeyGroup>();
  const statics: ColumnOperation[] = [];
  const regulars: ColumnOperation[] = [];
  const seen = new Set<ColumnDescriptor>();
  for (const [i, name] of names.entries()) {
    const column = writtenColumn(table, name);
    if (seen.has(column)) throw new InvalidRequestError(`Multiple definitions found for column ${name}`);
    seen.add(column);
    const value = values[i]!;
    if (column.kind === ColumnKind.Static) statics.push(setOperation(column, value, scope));
    else if (column.kind === ColumnKind.Regular) regulars.push(setOperation(column, value, scope));
    else {
      const terms = [prepareTerm(value, name, column.type, scope)];
      keys.set(column, new KeyGroup([column], false, [{ kind: 'columns', terms }]));
    }
  }
  // After the values: markers are numbered in the order of the text.
  const using = new UsingClause(statement.using, table.options.defaultTimeToLive, scope);
  const { partitionKey, clustering } = table;
  // A partition's static columns can be written without any row.
  const isStaticOnly =
    clustering.length > 0 && statics.length > 0 && regulars.length === 0 && !clustering.some((c) => keys.has(c));
  const named = isStaticOnly ? partitionKey : [...partitionKey, ...clustering];
  for (const column of named) {
    if (!keys.has(column)) throw new InvalidRequestError(`Missing mandatory PRIMARY KEY part ${column.name}`);
  }
  if (ifNotExists) refuseTimestamp(using);
  const groupsOf = (columns: readonly ColumnDescriptor[]) => columns.map((column) => keys.get(column)!);
  return new Modification({
    table,
    markers: scope.markers,
    using,
    keys: new PartitionKeys(partitionKey, groupsOf(partitionKey)),
    statics: statics.length === 0 ? undefined : new CellWriter(statics),
    rows: isStaticOnly ? undefined : new ClusteringRows(clustering, groupsOf(clustering)),
    rowEffect: isStaticOnly ? RowEffect.None : RowEffect.Insert,
    regulars: regulars.length === 0 ? undefined : new CellWriter(regulars),
    ranges: undefined,
    deletesPartition: false,
    condition: ifNotExists ? existenceCondition(table, false, isStaticOnly) : undefined,
  });
}
