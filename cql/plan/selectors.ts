import { unreachable } from '../../core/assert.ts';
import { InvalidRequestError } from '../../core/errors.ts';
import { type ColumnDescriptor, ColumnKind } from '../../core/schema/column.ts';
import type { TableDescriptor } from '../../core/schema/table.ts';
import { blobType } from '../../core/types/blob.ts';
import { booleanType } from '../../core/types/boolean.ts';
import { type CqlType, TypeKind } from '../../core/types/cql-type.ts';
import { durationType } from '../../core/types/duration.ts';
import { doubleType } from '../../core/types/float.ts';
import { bigintType, int64FromText, intType } from '../../core/types/int.ts';
import { textType } from '../../core/types/text.ts';
import { uuidType } from '../../core/types/uuid.ts';
import { varintType } from '../../core/types/varint.ts';
import type * as ast from '../language/ast.ts';
import { printTerm } from '../language/printer-value.ts';
import { type AggregateFunction, aggregateFunction, COUNT_ROWS, isAggregateName } from './aggregates.ts';
import { Fit, fitOfTypes } from './fit.ts';
import { castFunction } from './functions/cast.ts';
import { type Argument, isScalarFunction, resolveFunction } from './functions/registry.ts';
import { fitOfTerm, prepareTerm, type TermScope } from './prepare-term.ts';
import { resolveType } from './resolve-type.ts';
import type { SelectLayout } from './select-layout.ts';
import { selectorName } from './selectors-name.ts';
import {
  AggregateValue,
  CallValue,
  ColumnValue,
  ElementValue,
  FieldValue,
  HintedValue,
  TermValue,
  TokenValue,
  TtlValue,
  type ValueSelector,
  WritetimeValue,
} from './selectors-node.ts';
import type { TypedTerm } from './term.ts';

/** One column of the result. */
export interface SelectedColumn {
  readonly name: string;
  readonly value: ValueSelector;
}

/** An aggregate with what it is fed; `count(*)` is fed nothing. */
export interface AggregateCall {
  readonly called: AggregateFunction;
  readonly argument: ValueSelector | undefined;
}

/** The SELECT list, resolved. */
export interface Selection {
  readonly columns: readonly SelectedColumn[];
  readonly aggregates: readonly AggregateCall[];
  /** Terms that the list names, evaluated once per execution. */
  readonly terms: readonly TypedTerm[];
  /** Of each probe of the layout the index among `terms` of its path, or -1 when the path is fixed or there is none. */
  readonly probeTerms: readonly number[];
  /** Of each probe the fixed path, or undefined. */
  readonly probePaths: readonly (Uint8Array | undefined)[];
  /** The table's columns that the list names, in no order. */
  readonly named: ReadonlySet<ColumnDescriptor>;
}

/**
 * Resolves the SELECT list; empty is `*`.
 * @param layout is asked for the columns
 * @throws InvalidRequestError
 */
export function prepareSelection(
  items: readonly ast.SelectItem[],
  table: TableDescriptor,
  layout: SelectLayout,
  scope: TermScope,
): Selection {
  const builder = new SelectionBuilder(table, layout, scope);
  const columns =
    items.length === 0
      ? allColumns(table).map((column) => ({ name: column.name, value: builder.column(column) }))
      : items.map(({ selector, alias }) => ({
          name: alias ?? selectorName(selector, scope.markerNames),
          value: builder.top(selector),
        }));
  const { aggregates, terms, probeTerms, probePaths, named } = builder;
  return { columns, aggregates, terms, probeTerms, probePaths, named };
}

/** The order of `*`: keys as declared, then static and regular columns by name. */
function allColumns({ partitionKey, clustering, statics, regulars }: TableDescriptor): readonly ColumnDescriptor[] {
  return [...partitionKey, ...clustering, ...statics, ...regulars];
}

class SelectionBuilder {
  readonly aggregates: AggregateCall[] = [];
  readonly terms: TypedTerm[] = [];
  readonly probeTerms: number[] = [];
  readonly probePaths: (Uint8Array | undefined)[] = [];
  readonly named = new Set<ColumnDescriptor>();
  readonly #table: TableDescriptor;
  readonly #layout: SelectLayout;
  readonly #scope: TermScope;
  #isInsideAggregate = false;

  constructor(table: TableDescriptor, layout: SelectLayout, scope: TermScope) {
    this.#table = table;
    this.#layout = layout;
    this.#scope = scope;
  }

  column(column: ColumnDescriptor): ValueSelector {
    this.named.add(column);
    return new ColumnValue(this.#layout.need(column), column.type);
  }

  /** An entry of the list itself. */
  top(selector: ast.Selector): ValueSelector {
    return selector.kind === 'term' ? this.#untypedTerm(selector.term) : this.#typed(selector);
  }

  /** Any selector but a bare term, whose type only its place can tell. */
  #typed(selector: Exclude<ast.Selector, ast.TermSelector>): ValueSelector {
    switch (selector.kind) {
      case 'column':
        return this.column(this.#find(selector.name));
      case 'field':
        return this.#field(selector);
      case 'element':
        return this.#element(selector);
      case 'call':
        return this.#call(selector);
      case 'count-rows':
        return this.#aggregate(COUNT_ROWS, undefined);
      case 'writetime':
      case 'ttl':
        return this.#cellMetadata(selector);
      case 'cast':
        return this.#cast(selector);
      case 'hint':
        return this.#hint(selector);
      default:
        return unreachable(selector);
    }
  }

  #find(name: string): ColumnDescriptor {
    const column = this.#table.column(name);
    if (column === undefined) throw new InvalidRequestError(`Unrecognized name ${name}`);
    return column;
  }

  #shown(selector: ast.Selector): string {
    return selectorName(selector, this.#scope.markerNames);
  }

  #field(selector: ast.FieldSelector): ValueSelector {
    const of = this.#typed(selector.of);
    return new FieldValue(of, this.#fieldIndex(of.type, selector));
  }

  #fieldIndex(type: CqlType, selector: ast.FieldSelector): number {
    if (type.udt === undefined) {
      throw new InvalidRequestError(
        `Invalid field selection: ${this.#shown(selector.of)} of type ${type.cqlName} is not a user type`,
      );
    }
    const index = type.udt.fieldNames.indexOf(selector.field);
    if (index < 0) {
      throw new InvalidRequestError(
        `${this.#shown(selector.of)} of type ${type.cqlName} has no field ${selector.field}`,
      );
    }
    return index;
  }

  #element(selector: ast.ElementSelector): ValueSelector {
    const of = this.#typed(selector.of);
    return new ElementValue(of, this.#addTerm(this.#elementKey(of.type, selector)));
  }

  #elementKey(type: CqlType, selector: ast.ElementSelector): TypedTerm {
    const shown = this.#shown(selector.of);
    switch (type.kind) {
      case TypeKind.Map:
        return prepareTerm(selector.key, `key(${shown})`, type.parameters[0]!, this.#scope);
      case TypeKind.Set:
        return prepareTerm(selector.key, `value(${shown})`, type.parameters[0]!, this.#scope);
      case TypeKind.List:
        return prepareTerm(selector.key, `idx(${shown})`, intType, this.#scope);
      default:
        throw new InvalidRequestError(
          `Invalid element selection: ${shown} of type ${type.cqlName} is not a collection`,
        );
    }
  }

  #addTerm(term: TypedTerm): number {
    this.terms.push(term);
    return this.terms.length - 1;
  }

  #call(selector: ast.CallSelector): ValueSelector {
    const { keyspace, name, args } = selector;
    if (isAggregateName(keyspace, name)) return this.#aggregateCall(selector);
    if (name === 'token' && isScalarFunction(keyspace, name) && this.#isOwnKey(args)) {
      const [first] = this.#table.partitionKey.map((column) => this.column(column));
      return new TokenValue((first as ColumnValue).slot);
    }
    const prepared = args.map((arg) => (arg.kind === 'term' ? undefined : this.#typed(arg)));
    const candidates = args.map((arg, i): Argument => {
      const value = prepared[i];
      if (value !== undefined) return { fit: (type) => fitOfTypes(value.type, type) };
      return { fit: (type) => fitOfTerm((arg as ast.TermSelector).term, type, this.#scope) };
    });
    const called = resolveFunction(keyspace, name, candidates, this.#table);
    const values = args.map(
      (arg, i) =>
        prepared[i] ??
        this.#term(
          prepareTerm((arg as ast.TermSelector).term, `arg${i}(${name})`, called.argumentTypes[i]!, this.#scope),
        ),
    );
    return new CallValue(called, values);
  }

  /** True for the columns of the partition key in order. */
  #isOwnKey(args: readonly ast.Selector[]): boolean {
    const { partitionKey } = this.#table;
    return (
      args.length === partitionKey.length &&
      args.every((arg, i) => arg.kind === 'column' && arg.name === partitionKey[i]!.name)
    );
  }

  #aggregateCall({ name, args }: ast.CallSelector): ValueSelector {
    const [argument] = args;
    if (args.length !== 1 || argument === undefined) {
      throw new InvalidRequestError(
        `Invalid number of arguments in call to function ${name}: 1 required but ${args.length} provided`,
      );
    }
    if (this.#isInsideAggregate) {
      throw new InvalidRequestError('aggregate functions cannot be used as arguments of aggregate functions');
    }
    this.#isInsideAggregate = true;
    const value = this.top(argument);
    this.#isInsideAggregate = false;
    return this.#aggregate(aggregateFunction(name, value.type), value);
  }

  #aggregate(called: AggregateFunction, argument: ValueSelector | undefined): ValueSelector {
    if (this.#isInsideAggregate) {
      throw new InvalidRequestError('aggregate functions cannot be used as arguments of aggregate functions');
    }
    this.aggregates.push({ called, argument });
    return new AggregateValue(this.aggregates.length - 1, called.returnType);
  }

  #cast({ of, type }: ast.CastSelector): ValueSelector {
    const to = resolveType(type, this.#scope.keyspace);
    const value = this.top(of);
    return new CallValue(castFunction(value.type, to), [value]);
  }

  #hint({ of, type }: ast.HintSelector): ValueSelector {
    const hinted = resolveType(type, this.#scope.keyspace);
    if (of.kind === 'term') {
      if (fitOfTerm(of.term, hinted, this.#scope) === Fit.None) throw this.#wrongHint(of, hinted);
      return this.#term(prepareTerm(of.term, '[selection]', hinted, this.#scope));
    }
    const value = this.#typed(of);
    if (fitOfTypes(value.type, hinted) === Fit.None) throw this.#wrongHint(of, hinted);
    return new HintedValue(value, hinted);
  }

  #wrongHint(of: ast.Selector, hinted: CqlType): InvalidRequestError {
    return new InvalidRequestError(`Type error: cannot cast value ${this.#shown(of)} to type ${hinted.cqlName}`);
  }

  #term(term: TypedTerm): ValueSelector {
    return new TermValue(this.#addTerm(term), term.type);
  }

  /** A constant without anything that tells its type: the type that its kind suggests. */
  #untypedTerm(term: ast.TermSelector['term']): ValueSelector {
    const type = term.kind === 'literal' ? naturalType(term) : undefined;
    if (type === undefined) {
      const shown = printTerm(term, this.#scope.markerNames);
      throw new InvalidRequestError(
        `Cannot infer type for term ${shown} in selection clause (try using a cast to force a type)`,
      );
    }
    return this.#term(prepareTerm(term, '[selection]', type, this.#scope));
  }

  /** `writetime(c)` and `ttl(c)` of a cell: a simple column, or one element of a collection or user type. */
  #cellMetadata({ kind, of }: ast.WritetimeSelector): ValueSelector {
    const target = of.kind === 'column' ? of : of.of;
    if (target.kind !== 'column') {
      throw new InvalidRequestError(`Cannot use selection function ${kind} on ${this.#shown(of)}: it is no cell`);
    }
    const column = this.#find(target.name);
    if (column.kind === ColumnKind.PartitionKey || column.kind === ColumnKind.Clustering) {
      throw new InvalidRequestError(`Cannot use selection function ${kind} on PRIMARY KEY part ${column.name}`);
    }
    const isElement = of.kind !== 'column';
    if (column.type.isMultiCell !== isElement) {
      const what = isElement ? `a part of frozen column ${column.name}` : `non-frozen column ${column.name} as a whole`;
      throw new InvalidRequestError(`Cannot use selection function ${kind} on ${what} (${column.type.cqlName})`);
    }
    this.named.add(column);
    const probe = this.#layout.needProbe(column, isElement);
    this.#addPath(column.type, of, kind);
    return kind === 'writetime' ? new WritetimeValue(probe) : new TtlValue(probe);
  }

  #addPath(type: CqlType, of: ast.ColumnSelector, kind: string): void {
    let term = -1;
    let path: Uint8Array | undefined;
    if (of.kind === 'field') {
      const index = this.#fieldIndex(type, of);
      path = Uint8Array.of(index >>> 8, index);
    } else if (of.kind === 'element') {
      if (type.kind === TypeKind.List) {
        throw new InvalidRequestError(
          `Cannot use selection function ${kind} on an element of list ${this.#shown(of.of)}`,
        );
      }
      term = this.#addTerm(this.#elementKey(type, of));
    }
    this.probeTerms.push(term);
    this.probePaths.push(path);
  }
}

function naturalType(literal: ast.LiteralTerm): CqlType | undefined {
  switch (literal.type) {
    case 'integer': {
      const value = int64FromText(literal.text);
      if (value === undefined) return varintType;
      return BigInt.asIntN(32, BigInt(literal.text)) === BigInt(literal.text) ? intType : bigintType;
    }
    case 'float':
      return doubleType;
    case 'string':
      return textType;
    case 'uuid':
      return uuidType;
    case 'blob':
      return blobType;
    case 'boolean':
      return booleanType;
    case 'duration':
      return durationType;
    default:
      return unreachable(literal.type);
  }
}
