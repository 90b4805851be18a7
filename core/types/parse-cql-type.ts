import { InvalidRequestError } from '../errors.ts';
import { listType, mapType, setType } from './collection.ts';
import { quoteIdentifier } from './cql-identifier.ts';
import { type CqlType, TypeKind } from './cql-type.ts';
import { MAX_TYPE_DEPTH } from './defined-type.ts';
import { frozen } from './frozen.ts';
import { nativeType } from './native-types.ts';
import { parseClassName } from './parse-class-name.ts';
import { shorten } from './text-form.ts';
import { tupleType } from './tuple.ts';
import { vectorType } from './vector.ts';

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
  readonly #text: string;
  readonly #udts: (name: string) => CqlType | undefined;
  #at = 0;

  constructor(text: string, udts: (name: string) => CqlType | undefined) {
    this.#text = text;
    this.#udts = udts;
  }

  parse(): CqlType {
    const type = this.#type(1, false);
    this.#skipBlanks();
    if (this.#at < this.#text.length) throw this.#error('nothing may follow the type');
    return type;
  }

  /** @param isFrozen inside frozen<>, a tuple or a vector: whatever comes is frozen */
  #type(depth: number, isFrozen: boolean): CqlType {
    if (depth > MAX_TYPE_DEPTH) throw this.#error(`more than ${MAX_TYPE_DEPTH} levels`);
    const type = this.#typeAsWritten(depth, isFrozen);
    return isFrozen ? frozen(type) : type;
  }

  #typeAsWritten(depth: number, isFrozen: boolean): CqlType {
    this.#skipBlanks();
    const sign = this.#text[this.#at];
    if (sign === "'") return parseClassName(this.#quoted("'"));
    if (sign === '"') return this.#userType(this.#quoted('"'));
    const word = this.#word().toLowerCase();
    if (word === '') throw this.#error('expected a type');
    if (!this.#accept('<')) return nativeType(word) ?? this.#userType(word);
    const type = this.#parameterized(word, depth, isFrozen);
    this.#expect('>');
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
        this.#expect(',');
        const value = this.#type(depth + 1, isFrozen);
        return mapType(checkElements(word, key, value), value);
      }
      case 'tuple': {
        const fields: CqlType[] = [];
        do fields.push(this.#type(depth + 1, true));
        while (this.#accept(','));
        refuseCounters(fields, 'tuples', `tuple<${names(fields)}>`);
        return tupleType(fields);
      }
      case 'vector': {
        const element = this.#type(depth + 1, true);
        this.#expect(',');
        this.#skipBlanks();
        const dimension = this.#word();
        if (!/^\d{1,9}$/.test(dimension)) throw this.#error('expected the number of dimensions');
        refuseCounters([element], 'vectors', `vector<${names([element])}, ${dimension}>`);
        return vectorType(element, Number(dimension));
      }
      default:
        throw this.#error(`${shorten(word)} takes no parameters`);
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
    if (!this.#accept('.')) return this.#udts(first) ?? this.#unknown(quoteIdentifier(first));
    this.#skipBlanks();
    const name = this.#text[this.#at] === '"' ? this.#quoted('"') : this.#word().toLowerCase();
    if (name === '') throw this.#error('expected the name of a user type');
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

  /** The text between quotes at the cursor; a doubled quote is one. */
  #quoted(quote: string): string {
    const start = this.#at + 1;
    let end = start;
    for (;;) {
      end = this.#text.indexOf(quote, end);
      if (end < 0) throw this.#error('the quoted name has no end');
      if (this.#text[end + 1] !== quote) break;
      end += 2;
    }
    this.#at = end + 1;
    return this.#text.slice(start, end).replaceAll(quote + quote, quote);
  }

  #word(): string {
    const start = this.#at;
    const end = /\W|$/g;
    end.lastIndex = start;
    this.#at = end.exec(this.#text)!.index;
    return this.#text.slice(start, this.#at);
  }

  #skipBlanks(): void {
    while (/\s/.test(this.#text.charAt(this.#at))) this.#at++;
  }

  #accept(sign: string): boolean {
    this.#skipBlanks();
    if (this.#text[this.#at] !== sign) return false;
    this.#at++;
    return true;
  }

  #expect(sign: string): void {
    if (!this.#accept(sign)) throw this.#error(`expected '${sign}'`);
  }

  #error(why: string): InvalidRequestError {
    return new InvalidRequestError(`Cannot parse type '${shorten(this.#text)}' at position ${this.#at}: ${why}`);
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
