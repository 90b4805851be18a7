import { InvalidRequestError } from '../errors.ts';
import { listType, mapType, setType } from './collection.ts';
import type { CqlType } from './cql-type.ts';
import { customType } from './custom.ts';
import { MARSHAL_PREFIX, MAX_TYPE_DEPTH } from './defined-type.ts';
import { frozen } from './frozen.ts';
import { nativeTypeOfClass } from './native-types.ts';
import { decodeUtf8, findInvalidUtf8, fromHex, shorten } from './text-form.ts';
import { TextScanner } from './text-scanner.ts';
import { tupleType } from './tuple.ts';
import { udtType } from './udt.ts';
import { vectorType } from './vector.ts';

const WORD_END = /[\s(),:]|$/g;

/**
 * Cassandra's class names, as SSTables and the protocol's custom types hold them:
 *
 *   name            = [org.apache.cassandra.db.marshal.] word [ '(' argument (',' argument)* ')' ]
 *   argument        = [field ':'] name | word
 *
 * with blanks allowed around every sign. Parsed by position, without copying more than the words.
 */
class ClassNameParser {
  readonly #scan: TextScanner;

  constructor(text: string) {
    this.#scan = new TextScanner(text, (why, at) => {
      return new InvalidRequestError(`Cannot parse class name '${shorten(text)}' at position ${at}: ${why}`);
    });
  }

  parse<T>(read: (parser: ClassNameParser) => T): T {
    const result = read(this);
    this.#scan.expectEnd('nothing may follow the type');
    return result;
  }

  /** The type at the cursor. */
  type(depth: number): CqlType {
    if (depth > MAX_TYPE_DEPTH) throw this.#scan.error(`more than ${MAX_TYPE_DEPTH} levels`);
    this.#scan.skipBlanks();
    const start = this.#scan.at;
    const name = this.#className();
    const native = nativeTypeOfClass(name);
    if (native !== undefined && !this.#atOpen()) return native;
    switch (name) {
      case 'ListType':
        return listType(this.#only(name, this.#types(depth)));
      case 'SetType':
        return setType(this.#only(name, this.#types(depth)));
      case 'MapType': {
        const types = this.#types(depth);
        if (types.length !== 2) throw this.#scan.error('MapType takes two types');
        return mapType(types[0]!, types[1]!);
      }
      case 'TupleType':
        return tupleType(this.#types(depth));
      case 'FrozenType':
        return frozen(this.#only(name, this.#types(depth)));
      case 'ReversedType':
        return this.#only(name, this.#types(depth));
      case 'UserType':
        return this.#userType(depth);
      case 'VectorType':
        return this.#vectorType(depth);
      default:
        this.#skipArguments();
        return customType(this.#scan.text.slice(start, this.#scan.at));
    }
  }

  /** True, and past the name, when the class at the cursor has this short name. */
  accepts(shortName: string): boolean {
    const start = this.#scan.at;
    this.#scan.skipBlanks();
    if (this.#className() === shortName) return true;
    this.#scan.at = start;
    return false;
  }

  /** The types in parentheses at the cursor. */
  types(): CqlType[] {
    return this.#types(1);
  }

  #types(depth: number): CqlType[] {
    const types: CqlType[] = [];
    this.#scan.expect('(');
    do types.push(this.type(depth + 1));
    while (this.#scan.accept(','));
    this.#scan.expect(')');
    return types;
  }

  #only(name: string, types: readonly CqlType[]): CqlType {
    if (types.length !== 1) throw this.#scan.error(`${name} takes one type`);
    return types[0]!;
  }

  #userType(depth: number): CqlType {
    this.#scan.expect('(');
    const keyspace = this.#word();
    this.#scan.expect(',');
    const name = this.#hexWord();
    const fieldNames: string[] = [];
    const types: CqlType[] = [];
    while (this.#scan.accept(',')) {
      fieldNames.push(this.#hexWord());
      this.#scan.expect(':');
      types.push(this.type(depth + 1));
    }
    this.#scan.expect(')');
    return udtType({ keyspace, name, fieldNames }, types);
  }

  #vectorType(depth: number): CqlType {
    this.#scan.expect('(');
    const element = this.type(depth + 1);
    this.#scan.expect(',');
    const dimension = this.#word();
    this.#scan.expect(')');
    if (!/^\d{1,9}$/.test(dimension)) throw this.#scan.error('VectorType takes a number of dimensions');
    return vectorType(element, Number(dimension));
  }

  /** Moves past balanced parentheses, whatever they hold, without recursion. */
  #skipArguments(): void {
    if (!this.#atOpen()) return;
    let open = 0;
    const signs = /[()]/g;
    signs.lastIndex = this.#scan.at;
    for (let match = signs.exec(this.#scan.text); match !== null; match = signs.exec(this.#scan.text)) {
      open += match[0] === '(' ? 1 : -1;
      if (open === 0) {
        this.#scan.at = match.index + 1;
        return;
      }
    }
    throw this.#scan.error("expected ')'");
  }

  /** The word at the cursor without the prefix of Cassandra's own types. */
  #className(): string {
    const word = this.#word();
    if (word === '') throw this.#scan.error('expected a class name');
    return word.startsWith(MARSHAL_PREFIX) ? word.slice(MARSHAL_PREFIX.length) : word;
  }

  #hexWord(): string {
    const bytes = fromHex(this.#word());
    if (bytes === undefined || findInvalidUtf8(bytes, 0, bytes.length) >= 0)
      throw this.#scan.error('expected a name in hex');
    return decodeUtf8(bytes, 0, bytes.length);
  }

  /** Characters up to the next blank or sign; moves past them. */
  #word(): string {
    this.#scan.skipBlanks();
    return this.#scan.takeTo(WORD_END);
  }

  #atOpen(): boolean {
    this.#scan.skipBlanks();
    return this.#scan.sign === '(';
  }
}

/**
 * The type of a class name. A class that is not known becomes a custom type with that name; ReversedType is looked
 * through. A bare UserType is multi-cell here, though Cassandra 3 writes frozen ones so too: the schema knows.
 * @throws InvalidRequestError when the text is no class name; readers of files turn it into their own error
 */
export function parseClassName(text: string): CqlType {
  return new ClassNameParser(text).parse((parser) => parser.type(1));
}

/** A clustering column's type, and whether its class name says ReversedType. @throws InvalidRequestError */
export function parseClusteringClassName(text: string): { readonly type: CqlType; readonly isReversed: boolean } {
  return new ClassNameParser(text).parse((parser) => {
    if (!parser.accepts('ReversedType')) return { type: frozen(parser.type(1)), isReversed: false };
    const types = parser.types();
    if (types.length !== 1) throw new InvalidRequestError(`ReversedType takes one type, not ${types.length}`);
    return { type: frozen(types[0]!), isReversed: true };
  });
}

/** The types of a partition key's columns: those of a CompositeType, else the one type. @throws InvalidRequestError */
export function parseKeyClassName(text: string): readonly CqlType[] {
  return new ClassNameParser(text).parse((parser) => {
    const types = parser.accepts('CompositeType') ? parser.types() : [parser.type(1)];
    return types.map(frozen);
  });
}

/** The class name of a partition key: the type itself, or a CompositeType of several. */
export function keyClassName(types: readonly CqlType[]): string {
  if (types.length === 1) return types[0]!.className;
  return `${MARSHAL_PREFIX}CompositeType(${types.map((type) => type.className).join(',')})`;
}

/** The class name of a clustering column. */
export function clusteringClassName(type: CqlType, isReversed: boolean): string {
  return isReversed ? `${MARSHAL_PREFIX}ReversedType(${type.className})` : type.className;
}

/** A type's class name in the protocol, where drivers split a vector's at ', '. Class names have no other blanks. */
export function protocolClassName(type: CqlType): string {
  return type.className.replaceAll(' , ', ', ');
}
