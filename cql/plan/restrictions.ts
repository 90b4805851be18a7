import { InvalidRequestError } from '../../core/errors.ts';
import { type ColumnDescriptor, ColumnKind } from '../../core/schema/column.ts';
import type { TableDescriptor } from '../../core/schema/table.ts';
import { TypeKind } from '../../core/types/cql-type.ts';
import { frozen } from '../../core/types/frozen.ts';
import { bigintType } from '../../core/types/int.ts';
import type * as ast from '../language/ast.ts';
import {
  ChoiceFilter,
  ComparisonFilter,
  ContainsFilter,
  ElementFilter,
  type FilteredColumn,
  LikeFilter,
  type PreparedFilter,
} from './filter.ts';
import { isOrderOperator, type OrderOperator } from './order-operator.ts';
import { prepareTerm, type TermScope } from './prepare-term.ts';
import { type ClusteringStep, combineClustering } from './restrictions-clustering.ts';
import {
  assureKeyOrderOperator,
  checkCombination,
  columnsText,
  type KeyCondition,
  startOf,
} from './restrictions-condition.ts';
import type { PartitionRestriction, TokenBound } from './restrictions-partition.ts';
import { choiceOfItems, choiceOfMarker, equalityOf, prepareRowValue } from './restrictions-values.ts';
import type { SelectLayout } from './select-layout.ts';

/** What clients look for when a query needs ALLOW FILTERING. */
const NEEDS_FILTERING =
  'Cannot execute this query as it might involve data filtering and thus may have unpredictable performance. ' +
  'If you want to execute this query despite the performance unpredictability, use ALLOW FILTERING';
const KEY_NEEDS_EQUALITY =
  'Only EQ and IN relation are supported on the partition key (unless you use the token() function or ALLOW FILTERING)';

/** WHERE, taken apart: what finds partitions, what finds rows in them, and what is tried on each row. */
export interface Restrictions {
  readonly partition: PartitionRestriction;
  /** In the order of the clustering columns, from the first; empty: all rows. */
  readonly clustering: readonly ClusteringStep[];
  readonly filters: readonly PreparedFilter[];
  /** Some relation is about a clustering column: rows without clustering values never match. */
  readonly restrictsClustering: boolean;
  /** Some relation is about a column that is not of the key. */
  readonly restrictsRegulars: boolean;
  readonly restrictsStatics: boolean;
  /** Key columns that have one value in all rows. */
  readonly fixedColumns: ReadonlySet<ColumnDescriptor>;
}

/**
 * Takes WHERE apart.
 * @param aliases of the SELECT list, which WHERE cannot name
 * @param layout is asked for the columns that filters look at
 * @throws InvalidRequestError for relations that make no sense, or that would need ALLOW FILTERING
 */
export function analyzeWhere(
  where: readonly ast.Relation[],
  table: TableDescriptor,
  aliases: ReadonlySet<string>,
  allowFiltering: boolean,
  layout: SelectLayout,
  scope: TermScope,
): Restrictions {
  const analysis = new WhereAnalysis(table, aliases, layout, scope);
  for (const relation of where) analysis.add(relation);
  return analysis.finish(allowFiltering);
}

class WhereAnalysis {
  readonly #table: TableDescriptor;
  readonly #aliases: ReadonlySet<string>;
  readonly #layout: SelectLayout;
  readonly #scope: TermScope;
  /** Relations that compare columns with values. */
  readonly #conditions: KeyCondition[] = [];
  /** Relations that can only be tried on rows, with the columns that they are about. */
  readonly #filters: { readonly column: ColumnDescriptor; readonly filter: PreparedFilter }[] = [];
  #lowerToken: TokenBound | undefined;
  #upperToken: TokenBound | undefined;
  #hasToken = false;

  constructor(table: TableDescriptor, aliases: ReadonlySet<string>, layout: SelectLayout, scope: TermScope) {
    this.#table = table;
    this.#aliases = aliases;
    this.#layout = layout;
    this.#scope = scope;
  }

  add(relation: ast.Relation): void {
    const { left } = relation;
    if (relation.kind === 'is-not-null') {
      const { name } = this.#column(relation.left.column);
      throw new InvalidRequestError(
        `restriction '${name} IS NOT NULL' is only supported in materialized view creation`,
      );
    }
    switch (left.kind) {
      case 'token':
        this.#addToken(left, relation);
        break;
      case 'tuple':
        this.#addTuple(left, relation);
        break;
      case 'element':
        this.#addElement(left, relation);
        break;
      case 'field':
        throw new InvalidRequestError(`Relations on fields are not supported in WHERE: ${left.column}.${left.field}`);
      default:
        this.#addColumn(this.#column(left.column), relation);
    }
  }

  #column(name: string): ColumnDescriptor {
    const column = this.#table.column(name);
    if (column !== undefined) return column;
    if (this.#aliases.has(name)) {
      throw new InvalidRequestError(`Aliases aren't allowed in the WHERE clause ('${name}')`);
    }
    throw new InvalidRequestError(`Unrecognized name ${name}`);
  }

  #filtered(column: ColumnDescriptor): FilteredColumn {
    return { slot: this.#layout.need(column), type: column.type };
  }

  #addColumn(column: ColumnDescriptor, relation: Exclude<ast.Relation, ast.NotNullRelation>): void {
    const scope = this.#scope;
    const { name, type } = column;
    if (relation.kind === 'compare' && relation.operator.startsWith('CONTAINS')) {
      this.#addContains(column, relation.operator === 'CONTAINS KEY', relation.right);
      return;
    }
    const operator = relation.kind === 'compare' ? relation.operator : relation.negated ? 'NOT IN' : 'IN';
    if (operator === '!=') throw new InvalidRequestError(`Unsupported "!=" relation on column ${name}`);
    if (type.isMultiCell) throw cannotCompareMultiCell(column, operator);
    if (relation.kind === 'compare' && relation.operator === 'LIKE') {
      this.#addLike(column, relation.right);
      return;
    }
    if (relation.kind === 'compare') {
      const comparison = relation.operator as OrderOperator;
      assureKeyOrderOperator(column, comparison);
      const value = prepareRowValue(relation.right, [name], [type], false, scope);
      this.#addCondition([column], comparison, false, value);
      return;
    }
    const choice =
      relation.kind === 'in'
        ? choiceOfItems(relation.items, [name], [type], false, scope)
        : choiceOfMarker(relation.marker, [name], [type], false, scope);
    if (relation.negated) {
      this.#filters.push({ column, filter: new ChoiceFilter([this.#filtered(column)], choice, true) });
    } else {
      this.#conditions.push({ columns: [column], isTuple: false, choice, operator: 'IN', value: undefined });
    }
  }

  #addCondition(
    columns: readonly ColumnDescriptor[],
    operator: OrderOperator,
    isTuple: boolean,
    value: ReturnType<typeof prepareRowValue>,
  ): void {
    const choice = operator === '=' ? equalityOf(value, isTuple) : undefined;
    this.#conditions.push({ columns, isTuple, choice, operator, value });
  }

  #addContains(column: ColumnDescriptor, isKey: boolean, right: ast.Term): void {
    const { name, type } = column;
    const isMap = type.kind === TypeKind.Map;
    if (!isMap && type.kind !== TypeKind.List && type.kind !== TypeKind.Set) {
      throw new InvalidRequestError(`Cannot use CONTAINS${isKey ? ' KEY' : ''} on non-collection column ${name}`);
    }
    if (isKey && !isMap) throw new InvalidRequestError(`Cannot use CONTAINS KEY on non-map column ${name}`);
    const element = type.parameters[isMap && !isKey ? 1 : 0]!;
    const term = prepareTerm(right, `${isKey ? 'key' : 'value'}(${name})`, element, this.#scope);
    this.#filters.push({ column, filter: new ContainsFilter(this.#filtered(column), isKey, term, name) });
  }

  #addLike(column: ColumnDescriptor, right: ast.Term): void {
    const { name, type } = column;
    if (type.kind !== TypeKind.Text && type.kind !== TypeKind.Ascii) {
      throw new InvalidRequestError(`LIKE is allowed only on string types, which ${name} is not`);
    }
    const term = prepareTerm(right, name, type, this.#scope);
    this.#filters.push({ column, filter: new LikeFilter(this.#filtered(column), term, name) });
  }

  #addElement(left: ast.ElementOperand, relation: Exclude<ast.Relation, ast.NotNullRelation>): void {
    const column = this.#column(left.column);
    const { name, type } = column;
    if (type.kind === TypeKind.List) {
      throw new InvalidRequestError(`Indexes on list entries (${name}[index] = value) are not supported`);
    }
    if (type.kind !== TypeKind.Map) {
      throw new InvalidRequestError(`Column ${name} is no map: ${name}[...] cannot be restricted`);
    }
    if (relation.kind !== 'compare' || !isOrderOperator(relation.operator)) {
      throw new InvalidRequestError(`Only = < <= > >= are supported on elements of maps (${name}[...])`);
    }
    const [keyType, valueType] = type.parameters;
    const key = prepareTerm(left.key, `key(${name})`, keyType!, this.#scope);
    const term = prepareTerm(relation.right, `value(${name})`, frozen(valueType!), this.#scope);
    const filter = new ElementFilter(this.#filtered(column), key, relation.operator, term, name);
    this.#filters.push({ column, filter });
  }

  #addTuple(left: ast.TupleOperand, relation: Exclude<ast.Relation, ast.NotNullRelation>): void {
    const columns = left.columns.map((name) => this.#column(name));
    checkTuple(columns);
    const names = columns.map(({ name }) => name);
    const types = columns.map(({ type }) => type);
    if (relation.kind === 'compare') {
      if (!isOrderOperator(relation.operator)) {
        throw new InvalidRequestError(`Unsupported "${relation.operator}" relation on (${names.join(', ')})`);
      }
      for (const column of columns) assureKeyOrderOperator(column, relation.operator);
      this.#addCondition(
        columns,
        relation.operator,
        true,
        prepareRowValue(relation.right, names, types, true, this.#scope),
      );
      return;
    }
    const choice =
      relation.kind === 'in'
        ? choiceOfItems(relation.items, names, types, true, this.#scope)
        : choiceOfMarker(relation.marker, names, types, true, this.#scope);
    if (relation.negated) {
      const filter = new ChoiceFilter(
        columns.map((column) => this.#filtered(column)),
        choice,
        true,
      );
      this.#filters.push({ column: columns[0]!, filter });
    } else {
      this.#conditions.push({ columns, isTuple: true, choice, operator: 'IN', value: undefined });
    }
  }

  #addToken(left: ast.TokenOperand, relation: ast.Relation): void {
    const { partitionKey } = this.#table;
    const columns = left.columns.map((name) => this.#column(name));
    if (columns.some(({ kind }) => kind !== ColumnKind.PartitionKey) || columns.length !== partitionKey.length) {
      throw new InvalidRequestError(
        'The token() function must be applied to all partition key components or none of them',
      );
    }
    if (columns.some((column, i) => column !== partitionKey[i])) {
      throw new InvalidRequestError(
        `The token function arguments must be in the partition key order: ${columnsText(partitionKey)}`,
      );
    }
    const shown = `token(${columnsText(partitionKey)})`;
    if (relation.kind !== 'compare' || !isOrderOperator(relation.operator)) {
      throw new InvalidRequestError(`Unsupported relation on ${shown}: only = < <= > >= are`);
    }
    const { operator } = relation;
    const term = prepareTerm(relation.right, 'partition key token', bigintType, this.#scope);
    const bound: TokenBound = { term, isInclusive: operator === '=' || operator.length === 2 };
    const isLower = operator !== '<' && operator !== '<=';
    const isUpper = operator !== '>' && operator !== '>=';
    if (operator === '=' && this.#hasToken) {
      throw new InvalidRequestError(`${shown} cannot be restricted by more than one relation if it includes an Equal`);
    }
    if (isLower && this.#lowerToken !== undefined) {
      throw new InvalidRequestError(`More than one restriction was found for the start bound on ${shown}`);
    }
    if (isUpper && this.#upperToken !== undefined) {
      throw new InvalidRequestError(`More than one restriction was found for the end bound on ${shown}`);
    }
    this.#hasToken = true;
    if (isLower) this.#lowerToken = bound;
    if (isUpper) this.#upperToken = bound;
  }

  finish(allowFiltering: boolean): Restrictions {
    checkCombination(this.#conditions);
    const byKind = (kind: ColumnKind) => this.#conditions.filter(({ columns }) => columns[0]!.kind === kind);
    const filters: PreparedFilter[] = this.#filters.map(({ filter }) => filter);
    /** Why the query needs ALLOW FILTERING; the first reason is told. */
    const reasons: string[] = [];

    const keyConditions = byKind(ColumnKind.PartitionKey);
    const partition = this.#partition(keyConditions);
    if (partition.kind === 'range' && keyConditions.length > 0) {
      for (const condition of keyConditions) filters.push(this.#asFilter(condition));
      reasons.push(keyConditions.every(({ choice }) => choice !== undefined) ? NEEDS_FILTERING : KEY_NEEDS_EQUALITY);
    }
    const clustering = combineClustering(byKind(ColumnKind.Clustering), this.#table.clustering);
    for (const { condition, why } of clustering.unused) {
      filters.push(this.#asFilter(condition));
      reasons.push(partition.kind === 'range' ? NEEDS_FILTERING : why);
    }
    if (partition.kind === 'range' && clustering.steps.length > 0) reasons.push(NEEDS_FILTERING);

    const others = [...byKind(ColumnKind.Static), ...byKind(ColumnKind.Regular)];
    for (const condition of others) filters.push(this.#asFilter(condition));
    const restricts = (kind: ColumnKind) =>
      byKind(kind).length > 0 || this.#filters.some(({ column }) => column.kind === kind);
    const restrictsOthers = restricts(ColumnKind.Static) || restricts(ColumnKind.Regular);
    const fixedColumns = this.#fixedColumns();
    const keyFilters = this.#filters.some(({ column }) => isKey(column));
    const { partitionKey, clustering: clusteringColumns } = this.#table;
    const isOneRow = [...partitionKey, ...clusteringColumns].every((column) => fixedColumns.has(column));
    if (keyFilters || (restrictsOthers && !isOneRow)) reasons.push(NEEDS_FILTERING);
    if (reasons.length > 0 && !allowFiltering) throw new InvalidRequestError(reasons[0]!);

    return {
      partition,
      clustering: clustering.steps,
      filters,
      restrictsClustering: restricts(ColumnKind.Clustering),
      restrictsRegulars: restricts(ColumnKind.Regular),
      restrictsStatics: restricts(ColumnKind.Static),
      fixedColumns,
    };
  }

  #partition(conditions: readonly KeyCondition[]): PartitionRestriction {
    const { partitionKey } = this.#table;
    if (this.#hasToken) {
      const restricted = [
        ...conditions.map(({ columns }) => columns[0]!),
        ...this.#filters.map(({ column }) => column).filter(({ kind }) => kind === ColumnKind.PartitionKey),
      ];
      if (restricted.length > 0) {
        throw new InvalidRequestError(
          `Columns "${columnsText(restricted)}" cannot be restricted by both a normal relation and a token relation`,
        );
      }
      return { kind: 'range', lower: this.#lowerToken, upper: this.#upperToken };
    }
    const choices = partitionKey.map((column) => conditions.find(({ columns }) => columns[0] === column)?.choice);
    return choices.every((choice) => choice !== undefined)
      ? { kind: 'keys', choices }
      : { kind: 'range', lower: undefined, upper: undefined };
  }

  /** The relation as one that is tried on rows. */
  #asFilter({ columns, choice, operator, value }: KeyCondition): PreparedFilter {
    const filtered = columns.map((column) => this.#filtered(column));
    if (choice !== undefined) return new ChoiceFilter(filtered, choice, false);
    return new ComparisonFilter(filtered, operator as OrderOperator, value!);
  }

  #fixedColumns(): ReadonlySet<ColumnDescriptor> {
    const fixed = new Set<ColumnDescriptor>();
    for (const { columns, choice } of this.#conditions) {
      if (choice?.isEquality) for (const column of columns) if (isKey(column)) fixed.add(column);
    }
    return fixed;
  }
}

function isKey({ kind }: ColumnDescriptor): boolean {
  return kind === ColumnKind.PartitionKey || kind === ColumnKind.Clustering;
}

function checkTuple(columns: readonly ColumnDescriptor[]): void {
  for (const [i, column] of columns.entries()) {
    if (column.kind !== ColumnKind.Clustering) {
      throw new InvalidRequestError(
        `Multi-column relations can only be applied to clustering columns but was applied to: ${column.name}`,
      );
    }
    if (columns.indexOf(column) !== i) {
      throw new InvalidRequestError(`Column "${column.name}" appeared twice in a relation: (${columnsText(columns)})`);
    }
    if (column.position !== startOf(columns) + i) {
      throw new InvalidRequestError(
        `Clustering columns must appear in the PRIMARY KEY order in multi-column relations: (${columnsText(columns)})`,
      );
    }
  }
}

function cannotCompareMultiCell({ name, type }: ColumnDescriptor, operator: string): InvalidRequestError {
  if (type.kind === TypeKind.Udt) {
    return new InvalidRequestError(
      `Non-frozen UDT column '${name}' (${type.cqlName}) cannot be restricted by any relation`,
    );
  }
  return new InvalidRequestError(
    `Collection column '${name}' (${type.cqlName}) cannot be restricted by a '${operator}' relation`,
  );
}
