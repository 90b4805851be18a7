import { InvalidRequestError } from '../../core/errors.ts';
import { type ColumnDescriptor, ColumnKind } from '../../core/schema/column.ts';
import type { TableDescriptor } from '../../core/schema/table.ts';
import { listType } from '../../core/types/collection.ts';
import { tupleType } from '../../core/types/tuple.ts';
import type * as ast from '../language/ast.ts';
import { KeyGroup, type KeySource } from './key-group.ts';
import { prepareTerm, type TermScope } from './prepare-term.ts';

/** `c > 1`, `(c, d) <= (1, 2)`: a bound on clustering positions by value, from the column after those of the groups on. */
export interface KeyBound {
  readonly columns: readonly ColumnDescriptor[];
  readonly source: KeySource;
  readonly isInclusive: boolean;
}

/** What the WHERE of an UPDATE or DELETE says. */
export interface KeyRestrictions {
  /** `=` or IN for each partition key column, in their order. */
  readonly partition: readonly KeyGroup[];
  /** `=` or IN for the first clustering columns, in their order. */
  readonly clustering: readonly KeyGroup[];
  /** Lower and upper bound by value after those columns. */
  readonly lower: KeyBound | undefined;
  readonly upper: KeyBound | undefined;
  /** Clustering columns that the groups cover. */
  readonly clusteringCount: number;
}

/**
 * Resolves the WHERE of a write.
 * @throws InvalidRequestError when it does not name partitions by their full keys, or rows otherwise than by a prefix and
 *   bounds of their clustering columns
 */
export function prepareKeyRestrictions(
  where: readonly ast.Relation[],
  table: TableDescriptor,
  scope: TermScope,
): KeyRestrictions {
  const builder = new RestrictionsBuilder(table, scope);
  for (const relation of where) builder.add(relation);
  return builder.finish();
}

const LOWER: ReadonlySet<string> = new Set(['>', '>=']);

class RestrictionsBuilder {
  readonly #table: TableDescriptor;
  readonly #scope: TermScope;
  /** By the first column of each. */
  readonly #groups: Map<ColumnDescriptor, KeyGroup> = new Map();
  /** Columns of `#groups`. */
  readonly #equalled: Set<ColumnDescriptor> = new Set();
  #lower: KeyBound | undefined;
  #upper: KeyBound | undefined;
  /** A bound is of several columns in parentheses, or of one without: the two do not mix. */
  #isMultiBound: boolean | undefined;
  readonly #notKeys: string[] = [];

  constructor(table: TableDescriptor, scope: TermScope) {
    this.#table = table;
    this.#scope = scope;
  }

  add(relation: ast.Relation): void {
    if (relation.kind === 'is-not-null') {
      throw new InvalidRequestError(
        `restriction '${relation.left.column} IS NOT NULL' is only supported in materialized view creation`,
      );
    }
    const { left } = relation;
    switch (left.kind) {
      case 'token':
        throw new InvalidRequestError('The token function cannot be used in the WHERE clause of UPDATE and DELETE');
      case 'tuple':
        this.#addMulti(relation, left.columns);
        break;
      case 'column': {
        const column = this.#column(left.column);
        if (isKey(column)) this.#addSingle(relation, column);
        else this.#notKeys.push(column.name);
        break;
      }
      default: {
        const column = this.#column(left.column);
        if (isKey(column)) throw new InvalidRequestError(`Column ${column.name} is of no collection type`);
        this.#notKeys.push(column.name);
      }
    }
  }

  finish(): KeyRestrictions {
    const { partitionKey, clustering } = this.#table;
    if (this.#notKeys.length > 0) {
      throw new InvalidRequestError(
        `Invalid where clause contains non PRIMARY KEY columns: ${this.#notKeys.join(', ')}`,
      );
    }
    const partition = partitionKey.map((column) => {
      const group = this.#groups.get(column);
      if (group === undefined) throw new InvalidRequestError(`Missing mandatory PRIMARY KEY part ${column.name}`);
      return group;
    });
    const groups: KeyGroup[] = [];
    let count = 0;
    while (count < clustering.length) {
      const group = this.#groups.get(clustering[count]!);
      if (group === undefined) break;
      groups.push(group);
      count += group.columns.length;
    }
    this.#checkGaps(count);
    return { partition, clustering: groups, lower: this.#lower, upper: this.#upper, clusteringCount: count };
  }

  /** Nothing may be restricted behind an unrestricted column, nor behind a bound. */
  #checkGaps(count: number): void {
    const { clustering } = this.#table;
    const bounds = [this.#lower, this.#upper].filter((bound) => bound !== undefined);
    const bounded = new Set(bounds.flatMap(({ columns }) => columns));
    const restricted = clustering.filter((column) => this.#equalled.has(column) || bounded.has(column));
    for (const column of restricted) {
      const before = clustering.slice(0, column.position).find((other) => !restricted.includes(other));
      if (before !== undefined) {
        throw new InvalidRequestError(
          `PRIMARY KEY column "${column.name}" cannot be restricted as preceding column "${before.name}" is not restricted`,
        );
      }
    }
    for (const { columns } of bounds) {
      const start = columns[0]!;
      const behind = clustering.slice(start.position + 1).find((column) => this.#equalled.has(column));
      if (behind !== undefined) throw precedingNonEqual(behind, start);
      if (start.position !== count) throw precedingNonEqual(start, clustering[count]!);
    }
  }

  #column(name: string): ColumnDescriptor {
    const column = this.#table.column(name);
    if (column === undefined) throw new InvalidRequestError(`Unrecognized name ${name}`);
    return column;
  }

  #addSingle(relation: Exclude<ast.Relation, ast.NotNullRelation>, column: ColumnDescriptor): void {
    const { name, type } = column;
    if (relation.kind === 'in-marker') {
      refuseNegated(relation.negated);
      const term = prepareTerm(relation.marker, `IN(${name})`, listType(type, false), this.#scope);
      this.#addGroup(new KeyGroup([column], true, [{ kind: 'list', term }]));
      return;
    }
    if (relation.kind === 'in') {
      refuseNegated(relation.negated);
      const sources = relation.items.map(
        (item): KeySource => ({ kind: 'columns', terms: [prepareTerm(item, name, type, this.#scope)] }),
      );
      this.#addGroup(new KeyGroup([column], true, sources));
      return;
    }
    const { operator } = relation;
    if (operator === '=' || isSlice(operator)) {
      const source: KeySource = { kind: 'columns', terms: [prepareTerm(relation.right, name, type, this.#scope)] };
      if (operator === '=') this.#addGroup(new KeyGroup([column], false, [source]));
      else this.#addBound([column], source, operator, false);
      return;
    }
    throw new InvalidRequestError(`Unsupported "${operator}" relation: ${name} ${operator}`);
  }

  #addMulti(relation: Exclude<ast.Relation, ast.NotNullRelation>, names: readonly string[]): void {
    const columns = names.map((name) => this.#column(name));
    for (const [i, column] of columns.entries()) {
      if (column.kind !== ColumnKind.Clustering) {
        throw new InvalidRequestError(
          `Multi-column relations can only be applied to clustering columns but was applied to: ${column.name}`,
        );
      }
      if (columns.indexOf(column) !== i) {
        throw new InvalidRequestError(`Column "${column.name}" appeared twice in a relation: (${names.join(', ')})`);
      }
      if (column.position !== columns[0]!.position + i) {
        throw new InvalidRequestError(
          `Clustering columns must appear in the PRIMARY KEY order in multi-column relations: (${names.join(', ')})`,
        );
      }
    }
    const shown = `(${names.join(',')})`;
    const tuple = tupleType(columns.map(({ type }) => type));
    if (relation.kind === 'in-marker') {
      refuseNegated(relation.negated);
      const term = prepareTerm(relation.marker, `IN${shown}`, listType(tuple, false), this.#scope);
      this.#addGroup(new KeyGroup(columns, true, [{ kind: 'tuple-list', term }]));
      return;
    }
    const sourceOf = (right: ast.Term): KeySource => {
      if (right.kind !== 'tuple') return { kind: 'tuple', term: prepareTerm(right, shown, tuple, this.#scope) };
      if (right.items.length !== columns.length) {
        throw new InvalidRequestError(
          `Expected ${columns.length} elements in value tuple, but got ${right.items.length}: ${shown}`,
        );
      }
      const terms = right.items.map((item, i) => prepareTerm(item, names[i]!, columns[i]!.type, this.#scope));
      return { kind: 'columns', terms };
    };
    if (relation.kind === 'in') {
      refuseNegated(relation.negated);
      this.#addGroup(new KeyGroup(columns, true, relation.items.map(sourceOf)));
    } else if (relation.operator === '=') {
      this.#addGroup(new KeyGroup(columns, false, [sourceOf(relation.right)]));
    } else if (isSlice(relation.operator)) {
      this.#addBound(columns, sourceOf(relation.right), relation.operator, true);
    } else {
      throw new InvalidRequestError(`Unsupported "${relation.operator}" relation: ${shown} ${relation.operator}`);
    }
  }

  #addGroup(group: KeyGroup): void {
    for (const column of group.columns) {
      if (this.#equalled.has(column)) {
        throw new InvalidRequestError(
          `${column.name} cannot be restricted by more than one relation if it includes an Equal`,
        );
      }
      this.#refuseBothKinds(column);
      this.#equalled.add(column);
    }
    this.#groups.set(group.columns[0]!, group);
  }

  #addBound(columns: readonly ColumnDescriptor[], source: KeySource, operator: string, isMulti: boolean): void {
    const [first] = columns;
    if (first!.kind === ColumnKind.PartitionKey) {
      throw new InvalidRequestError(
        'Only EQ and IN relation are supported on the partition key (unless you use the token() function or ALLOW FILTERING)',
      );
    }
    for (const column of columns) if (this.#equalled.has(column)) throw bothKinds(column);
    if (this.#isMultiBound !== undefined && this.#isMultiBound !== isMulti) {
      throw new InvalidRequestError(
        'Mixing single column relations and multi column relations on clustering columns is not allowed',
      );
    }
    this.#isMultiBound = isMulti;
    const bound: KeyBound = { columns, source, isInclusive: operator.endsWith('=') };
    const isLower = LOWER.has(operator);
    if ((isLower ? this.#lower : this.#upper) !== undefined) {
      const before = (isLower ? this.#lower : this.#upper)!.columns[0]!;
      if (before !== first) throw precedingNonEqual(later(before, first!), earlier(before, first!));
      throw new InvalidRequestError(
        `More than one restriction was found for the ${isLower ? 'start' : 'end'} bound on ${first!.name}`,
      );
    }
    if (isLower) this.#lower = bound;
    else this.#upper = bound;
  }

  #refuseBothKinds(column: ColumnDescriptor): void {
    if (this.#lower?.columns.includes(column) || this.#upper?.columns.includes(column)) throw bothKinds(column);
  }
}

function bothKinds({ name }: ColumnDescriptor): InvalidRequestError {
  return new InvalidRequestError(
    `Column "${name}" cannot be restricted by both an equality and an inequality relation`,
  );
}

function precedingNonEqual(column: ColumnDescriptor, before: ColumnDescriptor): InvalidRequestError {
  return new InvalidRequestError(
    `Clustering column "${column.name}" cannot be restricted (preceding column "${before.name}" is restricted by a non-EQ relation)`,
  );
}

function isKey({ kind }: ColumnDescriptor): boolean {
  return kind === ColumnKind.PartitionKey || kind === ColumnKind.Clustering;
}

function isSlice(operator: string): boolean {
  return operator === '<' || operator === '<=' || operator === '>' || operator === '>=';
}

function refuseNegated(negated: boolean): void {
  if (negated) throw new InvalidRequestError('NOT IN is not supported in the WHERE clause of UPDATE and DELETE');
}

function earlier(a: ColumnDescriptor, b: ColumnDescriptor): ColumnDescriptor {
  return a.position < b.position ? a : b;
}

function later(a: ColumnDescriptor, b: ColumnDescriptor): ColumnDescriptor {
  return a.position < b.position ? b : a;
}
