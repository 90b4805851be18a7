import { unreachable } from '../../core/assert.ts';
import { InvalidRequestError } from '../../core/errors.ts';
import type { KeyspaceDescriptor } from '../../core/schema/keyspace.ts';
import type { TableDescriptor } from '../../core/schema/table.ts';
import { type CqlType, TypeKind } from '../../core/types/cql-type.ts';
import { frozen } from '../../core/types/frozen.ts';
import { literalToBytes, takesLiteral } from '../../core/types/literal.ts';
import type * as ast from '../language/ast.ts';
import { printTerm, printType } from '../language/printer-value.ts';
import type { MarkerTypes } from './bind-marker.ts';
import { CallTerm } from './call-term.ts';
import { CompositeTerm } from './composite-term.ts';
import { Fit, fitOfTypes } from './fit.ts';
import { resolveFunction } from './functions/registry.ts';
import type { ExecutionContext } from './plan.ts';
import { resolveType } from './resolve-type.ts';
import { ConstantTerm, MarkerValue, NO_VALUES, type TypedTerm, ValueSlot } from './term.ts';

/** What the terms of a statement are resolved against. */
export interface TermScope {
  readonly markers: MarkerTypes;
  /** Names of markers, for messages. */
  readonly markerNames: ast.Markers;
  /** Whose user types a type hint may name. */
  readonly keyspace: Pick<KeyspaceDescriptor, 'types'>;
  /** For `token()`; undefined where there is none. */
  readonly table: TableDescriptor | undefined;
}

/**
 * A term as a value of `type`. Constants are converted now, markers are noted in the scope.
 * @param receiver names the place in markers and messages: a column's name, `value(m)`, `[ttl]`
 * @throws InvalidRequestError when no value of the type can be meant
 */
export function prepareTerm(term: ast.Term, receiver: string, type: CqlType, scope: TermScope): TypedTerm {
  switch (term.kind) {
    case 'literal':
      return new ConstantTerm(type, literalToBytes(type, term.type, term.text, receiver));
    case 'null':
      return new ConstantTerm(type, undefined);
    case 'marker':
      scope.markers.note(term.index, receiver, type);
      return new MarkerValue(type, term.index, receiver);
    case 'list':
      return folded(prepareList(term, receiver, type, scope));
    case 'set':
      return folded(prepareSet(term, receiver, type, scope));
    case 'map':
      return folded(prepareMap(term, receiver, type, scope));
    case 'udt':
      return folded(prepareUdt(term, receiver, type, scope));
    case 'tuple':
      return folded(prepareTuple(term, receiver, type, scope));
    case 'call':
      return folded(prepareCall(term, receiver, type, scope));
    case 'hint':
      return prepareHint(term, receiver, type, scope);
    default:
      return unreachable(term);
  }
}

/** How well a term suits a type, before its markers have one. */
export function fitOfTerm(term: ast.Term, type: CqlType, scope: TermScope): Fit {
  switch (term.kind) {
    case 'literal':
      return takesLiteral(type, term.type) ? Fit.Weak : Fit.None;
    case 'null':
    case 'marker':
      return Fit.Weak;
    case 'list':
      return type.kind === TypeKind.List || type.kind === TypeKind.Vector
        ? weakIfAll(term.items, () => type.parameters[0]!, scope)
        : Fit.None;
    case 'set':
      return type.kind === TypeKind.Set ? weakIfAll(term.items, () => type.parameters[0]!, scope) : Fit.None;
    case 'map':
      return fitOfMap(term, type, scope);
    case 'udt':
      return type.kind === TypeKind.Udt && term.fields.every(({ field }) => type.udt!.fieldNames.includes(field))
        ? Fit.Weak
        : Fit.None;
    case 'tuple':
      return type.kind === TypeKind.Tuple && term.items.length <= type.parameters.length
        ? weakIfAll(term.items, (i) => type.parameters[i]!, scope)
        : Fit.None;
    case 'call':
      return fitOfTypes(functionOf(term, scope).returnType, type);
    case 'hint':
      return fitOfTypes(resolveType(term.type, scope.keyspace), type);
    default:
      return unreachable(term);
  }
}

function fitOfMap({ entries }: ast.MapTerm, type: CqlType, scope: TermScope): Fit {
  if (type.kind === TypeKind.Set) return entries.length === 0 ? Fit.Weak : Fit.None;
  if (type.kind !== TypeKind.Map) return Fit.None;
  const [key, value] = type.parameters;
  const fits = entries.every(
    (entry) => fitOfTerm(entry.key, key!, scope) !== Fit.None && fitOfTerm(entry.value, value!, scope) !== Fit.None,
  );
  return fits ? Fit.Weak : Fit.None;
}

function weakIfAll(items: readonly ast.Term[], typeOf: (i: number) => CqlType, scope: TermScope): Fit {
  return items.every((item, i) => fitOfTerm(item, typeOf(i), scope) !== Fit.None) ? Fit.Weak : Fit.None;
}

function prepareList(term: ast.ListTerm, receiver: string, type: CqlType, scope: TermScope): TypedTerm {
  if (type.kind !== TypeKind.List && type.kind !== TypeKind.Vector) throw wrongLiteral('list', receiver, type);
  if (type.kind === TypeKind.Vector && term.items.length !== type.dimension) {
    throw new InvalidRequestError(
      `Invalid vector literal for ${receiver} of type ${type.cqlName}: expected ${type.dimension} elements, got ${term.items.length}`,
    );
  }
  return elements(term.items, receiver, type, scope);
}

function prepareSet(term: ast.SetTerm, receiver: string, type: CqlType, scope: TermScope): TypedTerm {
  if (type.kind !== TypeKind.Set) throw wrongLiteral('set', receiver, type);
  return elements(term.items, receiver, type, scope);
}

function elements(items: readonly ast.Term[], receiver: string, type: CqlType, scope: TermScope): CompositeTerm {
  const element = type.parameters[0]!;
  return new CompositeTerm(
    type,
    items.map((item) => prepareTerm(item, `value(${receiver})`, element, scope)),
    receiver,
  );
}

function prepareMap({ entries }: ast.MapTerm, receiver: string, type: CqlType, scope: TermScope): TypedTerm {
  if (entries.length === 0 && type.kind === TypeKind.Set) return new CompositeTerm(type, [], receiver);
  if (type.kind !== TypeKind.Map) throw wrongLiteral('map', receiver, type);
  const [keyType, valueType] = type.parameters;
  const parts = entries.flatMap(({ key, value }) => [
    prepareTerm(key, `key(${receiver})`, keyType!, scope),
    prepareTerm(value, `value(${receiver})`, valueType!, scope),
  ]);
  return new CompositeTerm(type, parts, receiver);
}

function prepareUdt({ fields }: ast.UdtTerm, receiver: string, type: CqlType, scope: TermScope): TypedTerm {
  if (type.kind !== TypeKind.Udt) throw wrongLiteral('user type', receiver, type);
  const { fieldNames, name } = type.udt!;
  const parts: (TypedTerm | undefined)[] = fieldNames.map(() => undefined);
  for (const { field, value } of fields) {
    const index = fieldNames.indexOf(field);
    if (index < 0) {
      throw new InvalidRequestError(`Unknown field '${field}' in value of user defined type ${name}`);
    }
    if (parts[index] !== undefined) {
      throw new InvalidRequestError(`Field '${field}' is given twice in a value of user defined type ${name}`);
    }
    parts[index] = prepareTerm(value, `${receiver}.${field}`, frozen(type.parameters[index]!), scope);
  }
  return new CompositeTerm(type, parts, receiver);
}

function prepareTuple({ items }: ast.TupleTerm, receiver: string, type: CqlType, scope: TermScope): TypedTerm {
  if (type.kind !== TypeKind.Tuple) throw wrongLiteral('tuple', receiver, type);
  if (items.length > type.parameters.length) {
    throw new InvalidRequestError(
      `Invalid tuple literal for ${receiver}: too many elements. Type ${type.cqlName} expects ${type.parameters.length} but got ${items.length}`,
    );
  }
  return new CompositeTerm(
    type,
    items.map((item, i) => prepareTerm(item, `${receiver}[${i}]`, type.parameters[i]!, scope)),
    receiver,
  );
}

function functionOf({ keyspace, name, args }: ast.CallTerm, scope: TermScope) {
  const candidates = args.map((arg) => ({ fit: (type: CqlType) => fitOfTerm(arg, type, scope) }));
  return resolveFunction(keyspace, name, candidates, scope.table);
}

function prepareCall(term: ast.CallTerm, receiver: string, type: CqlType, scope: TermScope): TypedTerm {
  const called = functionOf(term, scope);
  if (fitOfTypes(called.returnType, type) === Fit.None) {
    throw new InvalidRequestError(
      `Type error: cannot assign result of function ${called.name} (type ${called.returnType.cqlName}) to ${receiver} (type ${type.cqlName})`,
    );
  }
  const args = term.args.map((arg, i) => prepareTerm(arg, `arg${i}(${called.name})`, called.argumentTypes[i]!, scope));
  return new CallTerm(called, args);
}

function prepareHint(term: ast.HintTerm, receiver: string, type: CqlType, scope: TermScope): TypedTerm {
  const hinted = resolveType(term.type, scope.keyspace);
  if (fitOfTypes(hinted, type) === Fit.None) {
    const shown = `(${printType(term.type)})${printTerm(term.term, scope.markerNames)}`;
    throw new InvalidRequestError(
      `Type error: cannot assign value ${shown} of type ${hinted.cqlName} to ${receiver} of type ${type.cqlName}`,
    );
  }
  if (fitOfTerm(term.term, hinted, scope) === Fit.None) {
    throw new InvalidRequestError(
      `Type error: cannot cast value ${printTerm(term.term, scope.markerNames)} to type ${hinted.cqlName}`,
    );
  }
  return prepareTerm(term.term, receiver, hinted, scope);
}

function wrongLiteral(literal: string, receiver: string, type: CqlType): InvalidRequestError {
  return new InvalidRequestError(`Invalid ${literal} literal for ${receiver} of type ${type.cqlName}`);
}

/** The value itself where it is known now. */
function folded(term: TypedTerm): TypedTerm {
  if (!term.isConstant) return term;
  const slot = new ValueSlot();
  term.evaluate(NO_VALUES, NO_WORLD, slot);
  return new ConstantTerm(term.type, slot.isNull ? undefined : slot.bytes.slice(slot.start, slot.end));
}

/** Constant terms ask for nothing of the world. */
const NO_WORLD: ExecutionContext = {
  timestampHi: 0,
  timestampLo: 0,
  nowUs: 0,
  randomBytes: () => undefined,
  timeUuid: () => undefined,
};
