import { InvalidRequestError } from '../errors.ts';
import { listType, mapType, setType } from './collection.ts';
import { quoteIdentifier } from './cql-identifier.ts';
import { type CqlType, TypeKind } from './cql-type.ts';
import { MAX_TYPE_DEPTH } from './defined-type.ts';
import { frozen } from './frozen.ts';
import { nativeType } from './native-types.ts';
import { parseClassName } from './parse-class-name.ts';
import { shorten } from './text-form.ts';
import { TextScanner } from './text-scanner.ts';
import { tupleType } from './tuple.ts';
import { vectorType } from './vector.ts';

const WORD_END = /\W|$/g;
const ENDLESS_NAME = 'the quoted name has no end';

/**
 * CQL's names of types, as in CREATE TABLE and in system_schema:
 *
 *   type = native | frozen<type> | list<type> | set<type> | map<type, type> | tuple<type, ...> | vector<type, n>
 *        | [keyspace .] user type | 'class name'
 *
 * Words are in any case; user types and keyspaces are folded to lower case unless in double quotes. What stands inside
 * frozen, a tuple or a vector is frozen; what stands inside another collection must be.
 */
class CqlTypeParser {
  readonly #scan: TextScanner;
  readonly #udts: (name: string) => CqlType | undefined;

  constructor(text: string, udts: (name: string) => CqlType | undefined) {
    this.#scan = new TextScanner(text, (why, at) => {
      return new InvalidRequestError(`Cannot parse type '${shorten(text)}' at position ${at}: ${why}`);
    });
    this.#udts = udts;
  }

  parse(): CqlType {
    const type = this.#type(1, false);
    this.#scan.expectEnd('nothing may follow the type');
    return type;
  }

  /** @param isFrozen inside frozen<>, a tuple or a vector: whatever comes is frozen */
  #type(depth: number, isFrozen: boolean): CqlType {
    if (depth > MAX_TYPE_DEPTH) throw this.#scan.error(`more than ${MAX_TYPE_DEPTH} levels`);
    const type = this.#typeAsWritten(depth, isFrozen);
    return isFrozen ? frozen(type) : type;
  }

  #typeAsWritten(depth: number, isFrozen: boolean): CqlType {
    this.#scan.skipBlanks();
    const { sign } = this.#scan;
    if (sign === "'") return parseClassName(this.#scan.takeQuoted("'", ENDLESS_NAME));
    if (sign === '"') return this.#userType(this.#scan.takeQuoted('"', ENDLESS_NAME));
    const word = this.#scan.takeTo(WORD_END).toLowerCase();
    if (word === '') throw this.#scan.error('expected a type');
    if (!this.#scan.accept('<')) return nativeType(word) ?? this.#userType(word);
    const type = this.#parameterized(word, depth, isFrozen);
    this.#scan.expect('>');
    return type;
  }

  #parameterized(word: string, depth: number, isFrozen: boolean): CqlType {
    switch (word) {
      case 'frozen':
        return this.#frozen(depth);
      case 'list':
        return listType(checkElements(word, this.#type(depth + 1, isFrozen)));
      case 'set':
        return setType(checkElements(word, this.#type(depth + 1, isFrozen)));
      case 'map': {
        const key = this.#type(depth + 1, isFrozen);
        this.#scan.expect(',');
        const value = this.#type(depth + 1, isFrozen);
        return mapType(checkElements(word, key, value), value);
      }
      case 'tuple': {
        const fields: CqlType[] = [];
        do fields.push(this.#type(depth + 1, true));
        while (this.#scan.accept(','));
        refuseCounters(fields, 'tuples', `tuple<${names(fields)}>`);
        return tupleType(fields);
      }
      case 'vector': {
        const element = this.#type(depth + 1, true);
        this.#scan.expect(',');
        this.#scan.skipBlanks();
        const dimension = this.#scan.takeTo(WORD_END);
        if (!/^\d{1,9}$/.test(dimension)) throw this.#scan.error('expected the number of dimensions');
        refuseCounters([element], 'vectors', `vector<${names([element])}, ${dimension}>`);
        return vectorType(element, Number(dimension));
      }
      default:
        throw this.#scan.error(`${shorten(word)} takes no parameters`);
    }
  }

  #frozen(depth: number): CqlType {
    const inner = this.#type(depth + 1, true);
    switch (inner.kind) {
      case TypeKind.List:
      case TypeKind.Set:
      case TypeKind.Map:
      case TypeKind.Tuple:
      case TypeKind.Udt:
      case TypeKind.Vector:
        return inner;
      default:
        throw new InvalidRequestError(
          `frozen<> is only allowed on collections, tuples, and user-defined types (got ${inner.cqlName})`,
        );
    }
  }

  /** The user type of a name that was just read, perhaps with its keyspace in front. */
  #userType(first: string): CqlType {
    if (!this.#scan.accept('.')) return this.#udts(first) ?? this.#unknown(quoteIdentifier(first));
    this.#scan.skipBlanks();
    const name =
      this.#scan.sign === '"' ? this.#scan.takeQuoted('"', ENDLESS_NAME) : this.#scan.takeTo(WORD_END).toLowerCase();
    if (name === '') throw this.#scan.error('expected the name of a user type');
    const type = this.#udts(name);
    if (type === undefined || type.udt === undefined) {
      return this.#unknown(`${quoteIdentifier(first)}.${quoteIdentifier(name)}`);
    }
    if (type.udt.keyspace !== first) {
      throw new InvalidRequestError(
        `Statement on keyspace ${type.udt.keyspace} cannot refer to a user type in keyspace ${first}; user types can only be used in the keyspace they are defined in`,
      );
    }
    return type;
  }

  #unknown(name: string): never {
    throw new InvalidRequestError(`Unknown type ${shorten(name)}`);
  }
}

function names(types: readonly CqlType[]): string {
  return types.map((type) => type.cqlName).join(', ');
}

function refuseCounters(types: readonly CqlType[], where: string, shown: string): void {
  if (types.some((type) => type.kind === TypeKind.Counter)) {
    throw new InvalidRequestError(`Counters are not allowed inside ${where}: ${shown}`);
  }
}

/** Refuses what a list, set or map may not hold; returns the first type. */
function checkElements(word: string, first: CqlType, ...others: readonly CqlType[]): CqlType {
  const types = [first, ...others];
  const shown = `${word}<${names(types)}>`;
  if (types.some((type) => type.isMultiCell)) {
    throw new InvalidRequestError(`Non-frozen user types or collections are not allowed inside collections: ${shown}`);
  }
  refuseCounters(types, 'collections', shown);
  if (first.kind === TypeKind.Duration && word === 'set') {
    throw new InvalidRequestError(`Durations are not allowed inside sets: ${shown}`);
  }
  if (first.kind === TypeKind.Duration && word === 'map') {
    throw new InvalidRequestError(`Durations are not allowed as map keys: ${shown}`);
  }
  return first;
}

/**
 * The type of a CQL text.
 * @param udts the user types of the keyspace at hand, in their non-frozen form, by name
 * @throws InvalidRequestError
 */
export function parseCqlType(text: string, udts: (name: string) => CqlType | undefined): CqlType {
  return new CqlTypeParser(text, udts).parse();
}
