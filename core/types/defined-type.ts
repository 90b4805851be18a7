import { InvalidRequestError } from '../errors.ts';
import type { CqlType, TypeKind, UdtIdentity } from './cql-type.ts';

/** In front of every class name of Cassandra's own types. */
export const MARSHAL_PREFIX = 'org.apache.cassandra.db.marshal.';

/**
 * How deep types may nest, and how many types one type may hold. User types can hold user types twice over, so without
 * the second limit a short schema would name a type of exponential size; values are walked recursively, so without the
 * first one a value could exhaust the stack.
 */
export const MAX_TYPE_DEPTH = 64;
export const MAX_TYPE_NODES = 4096;

/** What a type is made from; the members are those of `CqlType`. */
export interface TypeDefinition
  extends Pick<
    CqlType,
    'kind' | 'cqlName' | 'fixedLength' | 'compare' | 'prefix' | 'validate' | 'toText' | 'fromText'
  > {
  readonly className: string;
  readonly isMultiCell?: boolean;
  readonly parameters?: readonly CqlType[];
  readonly udt?: UdtIdentity;
  readonly dimension?: number;
  /** Makes the frozen form. Absent where the type is that already. */
  readonly freeze?: () => CqlType;
}

/**
 * The one class of all types: with the functions in fields, every type has the same hidden class, so a comparison of
 * values costs one load and one call wherever a call site meets many types.
 */
export class DefinedType implements CqlType {
  readonly kind: TypeKind;
  readonly cqlName: string;
  readonly className: string;
  readonly fixedLength: number;
  readonly isMultiCell: boolean;
  readonly parameters: readonly CqlType[];
  readonly udt: UdtIdentity | undefined;
  readonly dimension: number | undefined;
  readonly compare: CqlType['compare'];
  readonly prefix: CqlType['prefix'];
  readonly validate: CqlType['validate'];
  readonly toText: CqlType['toText'];
  readonly fromText: CqlType['fromText'];
  /** Levels of nesting; 1 for a type without parameters. */
  readonly depth: number;
  /** Types that this one is made of, itself included, each as often as it occurs. */
  readonly nodeCount: number;
  readonly #freeze: (() => CqlType) | undefined;

  constructor(definition: TypeDefinition) {
    this.kind = definition.kind;
    this.cqlName = definition.cqlName;
    this.className = definition.className;
    this.fixedLength = definition.fixedLength;
    this.isMultiCell = definition.isMultiCell ?? false;
    this.parameters = definition.parameters ?? [];
    this.udt = definition.udt;
    this.dimension = definition.dimension;
    this.compare = definition.compare;
    this.prefix = definition.prefix;
    this.validate = definition.validate;
    this.toText = definition.toText;
    this.fromText = definition.fromText;
    this.depth = nestingDepth(this.parameters);
    this.nodeCount = countNodes(this.parameters);
    this.#freeze = definition.freeze;
  }

  /** The frozen form: this type itself when it is frozen already or cannot be anything else. */
  freeze(): CqlType {
    return this.#freeze === undefined ? this : this.#freeze();
  }
}

/**
 * Refuses types too deep or too large. Constructors of nested types call it before they join the names of the
 * parameters, since a name is as large as the type.
 * @throws InvalidRequestError
 */
export function checkTypeSize(parameters: readonly CqlType[]): void {
  if (nestingDepth(parameters) > MAX_TYPE_DEPTH)
    throw new InvalidRequestError(`Type is nested more than ${MAX_TYPE_DEPTH} levels deep`);
  if (countNodes(parameters) > MAX_TYPE_NODES)
    throw new InvalidRequestError(`Type consists of more than ${MAX_TYPE_NODES} types`);
}

function nestingDepth(parameters: readonly CqlType[]): number {
  let deepest = 0;
  for (const type of parameters) deepest = Math.max(deepest, type instanceof DefinedType ? type.depth : 1);
  return deepest + 1;
}

function countNodes(parameters: readonly CqlType[]): number {
  let count = 1;
  for (const type of parameters) count += type instanceof DefinedType ? type.nodeCount : 1;
  return count;
}
