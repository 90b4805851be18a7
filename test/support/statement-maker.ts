import type { ColumnDescriptor } from '../../core/schema/column.ts';
import { ColumnKind } from '../../core/schema/column.ts';
import type { TableDescriptor } from '../../core/schema/table.ts';
import { type CqlType, TypeKind } from '../../core/types/cql-type.ts';
import type { BoundValue } from '../../cql/protocol/request-encoder.ts';
import type { SimRandom } from '../sim/sim-random.ts';

/** Tables in which everything that the language can say of a table occurs. */
export const MAKER_SCHEMA = `
  CREATE TYPE ks.address (street text, number int, tags frozen<set<text>>);
  CREATE TYPE ks.deep (a frozen<address>, m frozen<map<int, frozen<list<text>>>>, t frozen<tuple<int, text>>);
  CREATE TABLE ks.simple (k int PRIMARY KEY, v text);
  CREATE TABLE ks.bare (k text, c int, PRIMARY KEY (k, c));
  CREATE TABLE ks.wide (a int, b text, c timeuuid, d int, s text static, sl list<int> static, sm map<text, int> static,
    v int, w text, PRIMARY KEY ((a, b), c, d)) WITH CLUSTERING ORDER BY (c DESC, d ASC);
  CREATE TABLE ks.types (k int, c int, xa ascii, xb bigint, xo boolean, xl blob, xd date, xe decimal, xf double,
    xu duration, xg float, xi inet, xn int, xs smallint, xt text, xm time, xp timestamp, xq timeuuid, xy tinyint,
    xr uuid, xv varint, PRIMARY KEY (k, c));
  CREATE TABLE ks.many (k text, c blob, l list<int>, s set<text>, m map<text, int>, fl frozen<list<int>>,
    fs frozen<set<frozen<list<int>>>>, fm frozen<map<int, frozen<set<text>>>>, u address, fu frozen<address>,
    d deep, t tuple<int, text, frozen<list<int>>>, ve vector<float, 3>, vt vector<text, 2>,
    md map<frozen<tuple<int, text>>, frozen<address>>, sd set<decimal>, lt list<timeuuid>, PRIMARY KEY (k, c));
  CREATE TABLE ks.keys (k1 frozen<tuple<int, text>>, k2 frozen<address>, c1 frozen<list<int>>, c2 inet, c3 decimal,
    c4 boolean, v int, PRIMARY KEY ((k1, k2), c1, c2, c3, c4))
    WITH CLUSTERING ORDER BY (c1 DESC, c2 ASC, c3 DESC, c4 ASC);
  CREATE TABLE ks.expiring (k blob, c float, c2 text, v double, PRIMARY KEY (k, c, c2))
    WITH default_time_to_live = 1000 AND gc_grace_seconds = 10;`;

const SYSTEM_TABLES = [
  'system.local',
  'system.peers',
  'system_schema.tables',
  'system_schema.columns',
  'system_schema.types',
  'system.clients',
  'system.config',
];

const LITERALS: Readonly<Partial<Record<TypeKind, readonly string[]>>> = {
  [TypeKind.Ascii]: ["'a'", "'bb'", "''", '$$x$$'],
  [TypeKind.Text]: ["'a'", "'b'", "''", "'long text with '' and ü'", "'\u{1f600}'", `'${'x'.repeat(300)}'`],
  [TypeKind.Bigint]: ['0', '1', '-1', '9223372036854775807', '-9223372036854775808'],
  [TypeKind.Blob]: ['0x', '0x00', '0xcafe', `0x${'ab'.repeat(200)}`, 'intAsBlob(1)', "textAsBlob('a')"],
  [TypeKind.Boolean]: ['true', 'false', 'TRUE'],
  [TypeKind.Date]: ["'2024-02-29'", "'1969-12-31'", '2147483648', '0', '4294967295', "'-5877641-06-23'"],
  [TypeKind.Decimal]: ['1.5', '-0', '1e10', '1E-2147483647', '123456789012345678901234567890.5', '0', '1e2147483647'],
  [TypeKind.Double]: ['1.5', 'NaN', '-Infinity', '0', '-0.0', '1e400', '5e-324'],
  [TypeKind.Float]: ['1.5', 'NaN', 'Infinity', '0', '-0.0', '-1', '1e-50'],
  [TypeKind.Duration]: ['1h', '-5ms', '1y2mo3w4d5h6m7s8ms9us10ns', 'P1Y', '0s', '9223372036854775807ns'],
  [TypeKind.Inet]: ["'127.0.0.1'", "'::1'", "'::ffff:1.2.3.4'"],
  [TypeKind.Int]: ['0', '1', '2', '3', '-1', '2147483647', '-2147483648'],
  [TypeKind.Smallint]: ['0', '1', '-32768', '32767'],
  [TypeKind.Tinyint]: ['0', '1', '-128', '127'],
  [TypeKind.Time]: ["'08:12:54.123456789'", '0', '86399999999999'],
  [TypeKind.Timestamp]: ["'2024-01-01'", '0', '-1', "'2024-01-01T00:00:00.123+0100'", '9223372036854775807'],
  [TypeKind.Timeuuid]: [
    'now()',
    '8c3c5a00-1dd2-11b2-8000-000000000000',
    'fffffffe-ffff-1fff-bf7f-7f7f7f7f7f7f',
    "minTimeuuid('2024-01-01')",
    'maxTimeuuid(0)',
  ],
  [TypeKind.Uuid]: ['uuid()', '12345678-1234-4234-9234-123456789abc', '00000000-0000-0000-0000-000000000000', 'now()'],
  [TypeKind.Varint]: ['0', '-1', '128', '1000000000000000000000000000000', '-129'],
};
/** Values that few types take, and some that none takes. */
const ODD_LITERALS: readonly string[] = [
  "'é'",
  '9223372036854775808',
  "'2023-02-30'",
  '1e40',
  '200000000y',
  "'no address'",
  "'fe80::1%0'",
  '2147483648',
  '32768',
  '128',
  '86400000000000',
  "'24:00:00'",
  "'now'",
  '12345678-1234-4234-9234-123456789abc',
  `${'9'.repeat(400)}`,
  `0x${'00'.repeat(70_000)}`,
  `'${'y'.repeat(66_000)}'`,
];
const FUNCTIONS = (
  'now uuid token mintimeuuid maxtimeuuid dateof unixtimestampof todate totimestamp tounixtimestamp currenttimestamp ' +
  'currentdate currenttime currenttimeuuid blobasint intasblob blobastext textasblob typeasblob bigintasblob blobasbigint ' +
  'blobasuuid uuidasblob blobasdecimal blobasboolean blobasinet blobastimestamp doubleasblob blobasfloat tojson nosuch ' +
  'min max sum avg count writetime ttl castasint "Quoted" system.now ks.f'
).split(' ');
const TYPES = (
  'int text blob bigint uuid timeuuid boolean decimal double float inet date time timestamp varint smallint tinyint ' +
  'duration ascii counter list<int> set<text> map<text,int> frozen<list<int>> tuple<int,text> vector<float,3> ' +
  'frozen<address> address deep frozen<deep> nosuch frozen<map<int,frozen<set<text>>>> vector<text,2> varchar ' +
  "list<list<int>> frozen<int> 'org.apache.cassandra.db.marshal.Int32Type' empty tuple<int> frozen<set<duration>> list<counter>"
).split(' ');
const OPERATORS = ['=', '=', '=', '<', '<=', '>', '>=', '!=', 'LIKE', 'CONTAINS', 'CONTAINS KEY', 'IN', 'NOT IN'];
const ODD_NUMBERS = ['0', '1', '2', '5', '-1', '100', '2147483647', '2147483648', '9223372036854775807', '1.5', "'1'"];
const DURATIONS = ['1s', '500ms', '1h', '10h'];
const ODD_DURATIONS = ['0s', '-1s', '1mo', '1d', '1ns', '5', '300y', '9223372036854775807ns'];
const DEEPEST = 4;
/** How often something stands in a place where it rarely makes sense. */
const ODD = 0.04;

/**
 * Statements that parse, mostly, and mean something, sometimes: of the right shape, with wrong types, missing keys, odd clauses and
 * markers where values may stand.
 */
export class StatementMaker {
  readonly #random: SimRandom;
  readonly #tables: readonly TableDescriptor[];

  constructor(random: SimRandom, tables: readonly TableDescriptor[]) {
    this.#random = random;
    this.#tables = tables;
  }

  /** A statement of any kind but DDL. */
  statement(): string {
    const which = this.#random.next();
    if (which < 0.4) return this.#select();
    if (which < 0.93) return this.modification();
    if (which < 0.985) return this.#batch();
    return this.#some(
      () => `TRUNCATE ks.${this.#table().name}`,
      () => 'USE ks',
      () => 'USE nosuch',
    );
  }

  /** INSERT, UPDATE or DELETE. */
  modification(): string {
    const which = this.#random.next();
    return which < 0.4 ? this.#insert() : which < 0.75 ? this.#update() : this.#delete();
  }

  /** CREATE, ALTER or DROP. */
  schemaStatement(): string {
    const random = this.#random;
    const name = () =>
      random.pick(['t1', 't2', 'simple', 'many', 'wide', 'address', 'deep', '"T 1"', 'x'.repeat(60), 'n']);
    const column = () => random.pick(['a', 'b', 'c', 'd', 'k', 'v', 'l', 'm', '"A"', 'token', 'key', 'street']);
    const type = () => random.pick(TYPES);
    const maybe = (text: string) => (random.chance(0.3) ? ` ${text}` : '');
    const columns = () => this.#list(1, 5, () => `${column()} ${type()}${maybe('STATIC')}`);
    const key = () =>
      this.#some(
        () => column(),
        () => `(${this.#list(1, 3, column)}), ${this.#list(1, 3, column)}`,
        () => this.#list(1, 4, column),
      );
    const properties = () => (random.chance(0.4) ? ` WITH ${this.#properties()}` : '');
    const table = () => `${random.pick(['ks.', '', 'nosuch.'])}${name()}`;
    return this.#some(
      () => `CREATE TABLE${maybe('IF NOT EXISTS')} ${table()} (${columns()}, PRIMARY KEY (${key()}))${properties()}`,
      () => `CREATE TABLE ${table()} (${column()} ${type()} PRIMARY KEY, ${columns()})${properties()}`,
      () => `ALTER TABLE${maybe('IF EXISTS')} ${table()} ADD${maybe('IF NOT EXISTS')} ${columns()}`,
      () => `ALTER TABLE ${table()} DROP ${column()}${maybe('USING TIMESTAMP 1')}`,
      () => `ALTER TABLE ${table()} DROP (${this.#list(1, 3, column)})`,
      () => `ALTER TABLE ${table()} RENAME ${column()} TO ${column()}${maybe(`AND ${column()} TO ${column()}`)}`,
      () => `ALTER TABLE ${table()} ALTER ${column()} TYPE ${type()}`,
      () => `ALTER TABLE ${table()} WITH ${this.#properties()}`,
      () => `DROP TABLE${maybe('IF EXISTS')} ${table()}`,
      () => `CREATE TYPE${maybe('IF NOT EXISTS')} ${table()} (${this.#list(1, 4, () => `${column()} ${type()}`)})`,
      () => `ALTER TYPE ${table()} ADD ${column()} ${type()}`,
      () => `ALTER TYPE ${table()} RENAME ${column()} TO ${column()}`,
      () => `ALTER TYPE ${table()} ALTER ${column()} TYPE ${type()}`,
      () => `DROP TYPE${maybe('IF EXISTS')} ${table()}`,
      () =>
        `CREATE KEYSPACE${maybe('IF NOT EXISTS')} ${random.pick(['ks', 'k2', '"K"', 'system'])}${this.#keyspaceOptions()}`,
      () => `ALTER KEYSPACE ${random.pick(['ks', 'k2', 'system', 'nosuch'])}${this.#keyspaceOptions()}`,
      () => `DROP KEYSPACE${maybe('IF EXISTS')} ${random.pick(['k2', 'nosuch', 'system', '"K"'])}`,
    );
  }

  /** A value for a marker of a type: mostly one of it, else of any length, null or not set. */
  value(type: CqlType): BoundValue {
    const which = this.#random.next();
    if (which < 0.05) return null;
    if (which < 0.08) return undefined;
    if (which < 0.18) return this.#bytes(this.#random.pick([0, 0, 1, 2, 3, 4, 5, 7, 8, 9, 12, 15, 16, 17, 64]));
    if (which < 0.185) return this.#bytes(this.#random.pick([65_535, 65_536, 100_000]));
    const bytes = this.#valueBytes(type);
    if (which < 0.22 && bytes.length > 0)
      bytes[this.#random.integer(0, bytes.length)]! ^= 1 << this.#random.integer(0, 8);
    return bytes;
  }

  #valueBytes(type: CqlType): Uint8Array {
    const random = this.#random;
    const { parameters } = type;
    switch (type.kind) {
      case TypeKind.List:
      case TypeKind.Set:
      case TypeKind.Map: {
        const count = random.pick([0, 0, 1, 1, 2, 3]);
        const parts: Uint8Array[] = [int32(random.chance(0.02) ? random.pick([-1, 0x7fff_ffff, 5]) : count)];
        for (let i = 0; i < count; i++) for (const each of parameters) parts.push(this.#field(each, 0.02));
        return concat(parts);
      }
      case TypeKind.Tuple:
      case TypeKind.Udt: {
        const count = random.chance(0.2) ? random.integer(0, parameters.length + 2) : parameters.length;
        const parts: Uint8Array[] = [];
        for (let i = 0; i < count; i++) parts.push(this.#field(parameters[i % parameters.length]!, 0.2));
        return concat(parts);
      }
      case TypeKind.Vector: {
        const parts: Uint8Array[] = [];
        for (let i = 0; i < type.dimension!; i++) {
          const element = this.#valueBytes(parameters[0]!);
          if (parameters[0]!.fixedLength < 0) parts.push(Uint8Array.of(element.length & 0x7f));
          parts.push(element);
        }
        return concat(parts);
      }
      case TypeKind.Text:
      case TypeKind.Ascii:
        return new Uint8Array(Buffer.from(random.pick(['', 'a', 'b', 'a longer text', 'x'.repeat(1000)])));
      case TypeKind.Blob:
        return this.#bytes(random.integer(0, 4));
      case TypeKind.Int:
        return int32(random.pick([0, 1, 2, 3, -1, 0x7fff_ffff, -0x8000_0000]));
      case TypeKind.Timeuuid: {
        const bytes = this.#bytes(16);
        bytes[6] = 0x10 | (bytes[6]! & 0x0f);
        bytes[8] = 0x80 | (bytes[8]! & 0x3f);
        return bytes;
      }
      case TypeKind.Inet:
        return this.#bytes(random.pick([4, 16]));
      case TypeKind.Decimal: {
        const scale = random.pick([0, 1, -1, 5, 0x7fff_ffff, -0x8000_0000, 6000, -6000]);
        return concat([int32(scale), this.#bytes(random.pick([1, 2, 8, 20]))]);
      }
      case TypeKind.Varint:
        return this.#bytes(random.pick([1, 2, 8, 9, 40]));
      case TypeKind.Duration:
        return random.pick([Uint8Array.of(2, 2, 2), Uint8Array.of(0, 0, 0), Uint8Array.of(1, 1, 1), this.#bytes(5)]);
      case TypeKind.Time:
        return concat([new Uint8Array(4), this.#bytes(4)]);
      case TypeKind.Boolean:
        return Uint8Array.of(random.integer(0, 3));
      default:
        return this.#bytes(
          Math.max(
            type.fixedLength,
            { [TypeKind.Smallint]: 2, [TypeKind.Tinyint]: 1, [TypeKind.Date]: 4 }[type.kind as number] ?? 8,
          ),
        );
    }
  }

  #field(type: CqlType, nulls: number): Uint8Array {
    if (this.#random.chance(nulls)) return int32(-1);
    const bytes = this.#valueBytes(type);
    return concat([int32(bytes.length), bytes]);
  }

  #bytes(length: number): Uint8Array {
    const bytes = new Uint8Array(length);
    this.#random.fill(bytes);
    return bytes;
  }

  #table(): TableDescriptor {
    return this.#random.pick(this.#tables);
  }

  #some(...makers: (() => string)[]): string {
    return this.#random.pick(makers)();
  }

  #list(least: number, most: number, make: () => string, separator = ', '): string {
    return Array.from({ length: this.#random.integer(least, most + 1) }, make).join(separator);
  }

  #column(table: TableDescriptor): ColumnDescriptor {
    return this.#random.pick(columnsOf(table));
  }

  /** A column outside of the key, mostly. */
  #cellColumn(table: TableDescriptor): ColumnDescriptor {
    const cells = [...table.statics, ...table.regulars];
    return cells.length === 0 || this.#random.chance(ODD) ? this.#column(table) : this.#random.pick(cells);
  }

  #name(table: TableDescriptor): string {
    return this.#random.chance(0.02) ? this.#random.pick(['nosuch', '"K"', 'token', 'ks']) : this.#column(table).name;
  }

  // ---- terms

  /** A term for a place of a type. */
  #term(type: CqlType, depth = 0): string {
    const random = this.#random;
    const which = random.next();
    if (which < 0.25) return random.chance(0.15) ? random.pick([':a', ':b', ':"A b"']) : '?';
    if (which < 0.27) return 'null';
    if (which < 0.275) return random.pick(ODD_LITERALS);
    if (depth < DEEPEST) {
      if (which < 0.29) return this.#literal(this.#column(this.#table()).type, depth + 1);
      if (which < 0.3) return this.#call(depth + 1);
      if (which < 0.32) return `(${this.#typeName(type)})${this.#term(type, depth + 1)}`;
      if (which < 0.322) return this.#nest();
    }
    return this.#literal(type, depth);
  }

  #literal(type: CqlType, depth: number): string {
    const random = this.#random;
    const { parameters } = type;
    const inner = (parameter: CqlType | undefined) =>
      this.#term(parameter ?? this.#column(this.#table()).type, depth + 1);
    switch (type.kind) {
      case TypeKind.List:
        return `[${this.#list(0, 3, () => inner(parameters[0]))}]`;
      case TypeKind.Set:
        return `{${this.#list(0, 3, () => inner(parameters[0]))}}`;
      case TypeKind.Map:
        return `{${this.#list(0, 3, () => `${inner(parameters[0])}: ${inner(parameters[1])}`)}}`;
      case TypeKind.Tuple: {
        const count = random.chance(0.1) ? random.integer(1, parameters.length + 2) : parameters.length;
        return `(${Array.from({ length: count }, (_, i) => inner(parameters[i])).join(', ')})`;
      }
      case TypeKind.Vector: {
        const count = random.chance(0.1) ? random.integer(0, 5) : type.dimension!;
        return `[${Array.from({ length: count }, () => inner(parameters[0])).join(', ')}]`;
      }
      case TypeKind.Udt: {
        const fields = type
          .udt!.fieldNames.map((name, i) => `${random.chance(0.02) ? 'nosuch' : name}: ${inner(parameters[i])}`)
          .filter(() => random.chance(0.7));
        return `{${fields.join(', ')}}`;
      }
      default:
        return random.pick(LITERALS[type.kind] ?? ['0']);
    }
  }

  #typeName(type: CqlType): string {
    return this.#random.chance(0.8) ? type.cqlName : this.#random.pick(TYPES);
  }

  #call(depth: number): string {
    const args = this.#list(0, 2, () => this.#term(this.#column(this.#table()).type, depth));
    return `${this.#random.pick(FUNCTIONS)}(${args})`;
  }

  #nest(): string {
    const depth = this.#random.pick([5, 20, 60, 200]);
    const [open, close] = this.#random.pick([
      ['[', ']'],
      ['{', '}'],
      ['(', ')'],
      ['{1: ', '}'],
      ['(int)', ''],
      ['now(', ')'],
    ]) as [string, string];
    return `${open.repeat(depth)}1${close.repeat(depth)}`;
  }

  // ---- clauses

  #number(usual: readonly string[], odd: readonly string[]): string {
    return this.#random.pick(this.#random.chance(0.15) ? odd : usual);
  }

  #using(...kinds: string[]): string {
    const random = this.#random;
    const parts: string[] = [];
    for (const kind of kinds) {
      if (!random.chance(0.12)) continue;
      const value = random.chance(0.3)
        ? '?'
        : this.#number(
            kind === 'TIMEOUT' ? DURATIONS : ['1', '10', '100', '1000'],
            kind === 'TIMEOUT' ? ODD_DURATIONS : ODD_NUMBERS,
          );
      parts.push(`${kind} ${value}`);
    }
    return parts.length === 0 ? '' : ` USING ${parts.join(' AND ')}`;
  }

  /** A WHERE that often names whole rows or ranges of rows. */
  #where(table: TableDescriptor, isForRows: boolean): string {
    const random = this.#random;
    const relations: string[] = [];
    if (random.chance(0.8)) {
      for (const column of table.partitionKey) {
        if (random.chance(0.03)) continue;
        relations.push(random.chance(0.9) ? `${column.name} = ${this.#term(column.type)}` : this.#in(column));
      }
      const count =
        isForRows && random.chance(0.7) ? table.clustering.length : random.integer(0, table.clustering.length + 1);
      for (const column of table.clustering.slice(0, count)) {
        const operator = random.chance(isForRows ? 0.95 : 0.8) ? '=' : random.pick(OPERATORS);
        relations.push(
          operator.endsWith('IN') ? this.#in(column) : `${column.name} ${operator} ${this.#term(column.type)}`,
        );
      }
      if (random.chance(isForRows ? 0.02 : 0.08)) relations.push(this.#tupleRelation(table));
    }
    const more =
      relations.length === 0 ? random.integer(1, 4) : random.chance(isForRows ? 0.05 : 0.2) ? random.pick([1, 2]) : 0;
    for (let i = 0; i < more; i++) relations.push(this.#relation(table));
    if (random.chance(0.001)) for (let i = 0; i < 150; i++) relations.push(this.#relation(table));
    return relations.length === 0 ? '' : ` WHERE ${relations.join(' AND ')}`;
  }

  #relation(table: TableDescriptor): string {
    const random = this.#random;
    const column = this.#column(table);
    const operator = random.pick(OPERATORS);
    const other = random.chance(0.1) ? this.#column(table) : column;
    const isOdd = random.chance(ODD);
    const { parameters } = column.type;
    const compared = () =>
      `${column.name} ${operator.replace(/(.*IN|LIKE|CONTAINS.*)$/, isOdd ? '$1' : '=')} ${this.#term(other.type)}`;
    const collection = [
      compared,
      () => `${column.name} CONTAINS ${this.#term(parameters.at(-1) ?? column.type)}`,
      () => `${column.name} CONTAINS KEY ${this.#term(parameters[0] ?? column.type)}`,
      () => `${column.name}[${this.#term(parameters[0] ?? column.type)}] = ${this.#term(parameters[1] ?? column.type)}`,
    ];
    if (isOdd) return this.#some(() => `${column.name} IS NOT NULL`, ...collection);
    if (column.type.kind === TypeKind.Text && random.chance(0.2))
      return `${column.name} LIKE ${this.#term(column.type)}`;
    if (parameters.length > 0) return this.#some(...collection);
    return this.#some(
      compared,
      compared,
      () => this.#in(column),
      () => this.#tupleRelation(table),
      () => this.#tokenRelation(table),
    );
  }

  #in(column: ColumnDescriptor): string {
    const values = this.#random.chance(0.3) ? '?' : `(${this.#list(0, 4, () => this.#term(column.type))})`;
    return `${column.name} ${this.#random.chance(0.95) ? 'IN' : 'NOT IN'} ${values}`;
  }

  #tupleRelation(table: TableDescriptor): string {
    const random = this.#random;
    const start = random.chance(0.85) ? 0 : random.integer(0, Math.max(1, table.clustering.length));
    let columns = table.clustering.slice(start, random.integer(start + 1, table.clustering.length + 1));
    if (random.chance(0.1) || columns.length === 0)
      columns = Array.from({ length: random.integer(1, 4) }, () => this.#column(table));
    const tuple = () =>
      `(${columns.map(({ type }) => this.#term(type)).join(', ')}${random.chance(0.03) ? ', 1' : ''})`;
    const value = () => (random.chance(0.2) ? '?' : tuple());
    const left = `(${columns.map(({ name }) => name).join(', ')})`;
    if (random.chance(0.3)) return `${left} IN ${random.chance(0.2) ? '?' : `(${this.#list(0, 3, value)})`}`;
    return `${left} ${random.pick(['=', '<', '<=', '>', '>=', '!='])} ${value()}`;
  }

  #tokenRelation(table: TableDescriptor): string {
    const random = this.#random;
    const columns = random.chance(0.85) ? table.partitionKey : [this.#column(table)];
    const names = columns.map(({ name }) => name).join(', ');
    const value = this.#some(
      () => random.pick(['0', '-9223372036854775808', '9223372036854775807', '?', 'null', "'a'", '1.5']),
      () => `token(${columns.map(({ type }) => this.#term(type)).join(', ')})`,
    );
    return `token(${names}) ${random.pick(['=', '<', '<=', '>', '>=', '>', '!='])} ${value}`;
  }

  #conditions(table: TableDescriptor): string {
    const random = this.#random;
    if (!random.chance(0.25)) return '';
    if (random.chance(0.3)) return ' IF EXISTS';
    const condition = (): string => {
      const column = this.#cellColumn(table);
      const operator = random.pick(['=', '=', '!=', '<', '<=', '>', '>=', ...(random.chance(ODD) ? ['LIKE'] : [])]);
      const [first, second] = column.type.parameters;
      if (first === undefined && random.chance(1 - ODD)) {
        return random.chance(0.7) ? `${column.name} ${operator} ${this.#term(column.type)}` : this.#in(column);
      }
      return this.#some(
        () => `${column.name} ${operator} ${this.#term(column.type)}`,
        () => `${column.name} ${operator} ${this.#term(column.type)}`,
        () => this.#in(column),
        () =>
          `${column.name}[${this.#term(first ?? column.type)}] ${operator} ${this.#term(second ?? first ?? column.type)}`,
        () =>
          `${column.name}.${random.pick(column.type.udt?.fieldNames ?? ['street'])} ${operator} ${this.#term(first ?? column.type)}`,
        () => `${column.name} CONTAINS ${this.#term(first ?? column.type)}`,
        () => `${column.name}[${this.#term(first ?? column.type)}] IN ${random.pick(['?', '(?, 1)', '()'])}`,
      );
    };
    return ` IF ${this.#list(1, 3, condition, ' AND ')}`;
  }

  // ---- statements

  #insert(): string {
    const random = this.#random;
    const table = this.#table();
    const columns = columnsOf(table).filter(({ kind }) => random.chance(isKey(kind) ? 0.98 : 0.35));
    if (random.chance(0.02)) columns.push(this.#column(table));
    if (columns.length === 0) columns.push(this.#column(table));
    const values = columns.map(({ type }) => this.#term(type));
    if (random.chance(0.01)) values.push('1');
    const conditional = random.chance(0.1) ? ' IF NOT EXISTS' : '';
    const using = this.#using('TTL', 'TIMESTAMP', 'TIMEOUT');
    const names = columns.map(({ name }) => name).join(', ');
    return `INSERT INTO ks.${table.name} (${names}) VALUES (${values.join(', ')})${conditional}${using}`;
  }

  #update(): string {
    const table = this.#table();
    const using = this.#using('TTL', 'TIMESTAMP', 'TIMEOUT');
    const assignments = this.#list(1, 3, () => this.#assignment(table));
    return `UPDATE ks.${table.name}${using} SET ${assignments}${this.#where(table, true)}${this.#conditions(table)}`;
  }

  #assignment(table: TableDescriptor): string {
    const { name, type } = this.#cellColumn(table);
    const [first, second] = type.parameters;
    const set = () => `${name} = ${this.#term(type)}`;
    if (!type.isMultiCell && this.#random.chance(1 - ODD)) return set();
    const element = () =>
      `${name}[${this.#term(second === undefined ? this.#tables[0]!.partitionKey[0]!.type : first!)}] = ${this.#term(second ?? first ?? type)}`;
    const field = () =>
      `${name}.${this.#random.pick(type.udt?.fieldNames ?? ['street'])} = ${this.#term(first ?? type)}`;
    if (type.udt !== undefined && this.#random.chance(1 - ODD)) return this.#some(set, field);
    return this.#some(
      set,
      () => `${name} = ${name} + ${this.#term(type)}`,
      () => `${name} = ${this.#term(type)} + ${name}`,
      () => `${name} = ${name} - ${this.#term(type)}`,
      () => `${name} += ${this.#term(type)}`,
      () => `${name} -= ${this.#term(type)}`,
      element,
      element,
      ...(this.#random.chance(ODD) ? [field] : []),
    );
  }

  #delete(): string {
    const table = this.#table();
    const target = (): string => {
      const { name, type } = this.#cellColumn(table);
      const element = () => `${name}[${this.#term(type.parameters[0] ?? type)}]`;
      const field = () => `${name}.${this.#random.pick(type.udt?.fieldNames ?? ['street'])}`;
      if (this.#random.chance(ODD)) return this.#some(element, field);
      if (!type.isMultiCell) return name;
      return this.#some(() => name, type.udt === undefined ? element : field);
    };
    const targets = this.#random.chance(0.5) ? '' : ` ${this.#list(1, 3, target)}`;
    const using = this.#using('TIMESTAMP', 'TIMEOUT', ...(this.#random.chance(0.02) ? ['TTL'] : []));
    const where = this.#where(table, targets !== '' || this.#random.chance(0.5));
    return `DELETE${targets} FROM ks.${table.name}${using}${where}${this.#conditions(table)}`;
  }

  #batch(): string {
    const type = this.#random.pick(['', '', 'UNLOGGED ', 'COUNTER ']);
    const using = this.#using('TIMESTAMP', 'TTL', 'TIMEOUT');
    return `BEGIN ${type}BATCH${using} ${this.#list(0, 4, () => this.modification(), '; ')} APPLY BATCH`;
  }

  #select(): string {
    const random = this.#random;
    if (random.chance(0.03))
      return `SELECT * FROM ${random.pick(SYSTEM_TABLES)}${random.chance(0.3) ? ' LIMIT 1' : ''}`;
    const table = this.#table();
    const distinct = random.chance(0.06) ? 'DISTINCT ' : '';
    const items = random.chance(0.35)
      ? '*'
      : distinct !== '' && random.chance(0.6)
        ? table.partitionKey.map(({ name }) => name).join(', ')
        : this.#list(1, 4, () => `${this.#selector(table, 0)}${random.chance(0.1) ? ' AS x' : ''}`);
    const where = random.chance(0.15) ? '' : this.#where(table, false);
    const groups = random.chance(0.12)
      ? ` GROUP BY ${
          random.chance(0.7)
            ? [...table.partitionKey, ...table.clustering]
                .slice(0, random.integer(1, table.partitionKey.length + table.clustering.length + 1))
                .map(({ name }) => name)
                .join(', ')
            : this.#list(1, 3, () => this.#name(table))
        }`
      : '';
    const order = random.chance(0.15)
      ? ` ORDER BY ${this.#list(1, 2, () => `${random.chance(0.8) && table.clustering.length > 0 ? random.pick(table.clustering).name : this.#name(table)}${random.pick(['', ' ASC', ' DESC'])}`)}`
      : '';
    const number = () => this.#number(['1', '2', '5', '?'], ODD_NUMBERS);
    const perPartition = random.chance(0.1) ? ` PER PARTITION LIMIT ${number()}` : '';
    const limit = random.chance(0.2) ? ` LIMIT ${number()}` : '';
    const filtering = random.chance(0.5) ? ' ALLOW FILTERING' : '';
    const bypass = random.chance(0.05) ? ' BYPASS CACHE' : '';
    return `SELECT ${distinct}${items} FROM ks.${table.name}${where}${groups}${order}${perPartition}${limit}${filtering}${bypass}${this.#using('TIMEOUT')}`;
  }

  #selector(table: TableDescriptor, depth: number): string {
    const random = this.#random;
    const column = this.#column(table);
    const of = () => (depth < DEEPEST ? this.#selector(table, depth + 1) : this.#name(table));
    const plain = () => this.#name(table);
    const part = (): string => {
      const { name, type } = this.#cellColumn(table);
      if (random.chance(ODD)) return `${name}.street`;
      if (type.udt !== undefined) return `${name}.${random.pick(type.udt.fieldNames)}`;
      return type.parameters.length > 0 && type.kind !== TypeKind.Tuple
        ? `${name}[${this.#term(type.parameters[0]!)}]`
        : name;
    };
    if (depth === 0 && random.chance(0.5)) return plain();
    return this.#some(
      plain,
      part,
      () => `writetime(${part()})`,
      () => `ttl(${part()})`,
      () => 'count(*)',
      () => `${random.pick(['min', 'max', 'sum', 'avg', 'count'])}(${of()})`,
      () => `${random.pick(FUNCTIONS)}(${this.#list(0, 2, of)})`,
      () => `CAST(${of()} AS ${this.#typeName(column.type)})`,
      () => `(${this.#typeName(column.type)})${of()}`,
      () => `token(${table.partitionKey.map(({ name }) => name).join(', ')})`,
      () => this.#term(column.type),
    );
  }

  #properties(): string {
    const random = this.#random;
    const value = () =>
      random.pick([
        '1',
        '0',
        '-1',
        "'x'",
        '0.5',
        'true',
        '{}',
        "{'class': 'SizeTieredCompactionStrategy'}",
        'null',
        "''",
        "{'sstable_compression': ''}",
        "{'class': 'nosuch'}",
        '1e400',
        "{'chunk_length_in_kb': '3'}",
      ]);
    const names =
      'comment default_time_to_live gc_grace_seconds compaction compression bloom_filter_fp_chance caching crc_check_chance id tablets cdc extensions speculative_retry min_index_interval nosuch'.split(
        ' ',
      );
    return this.#list(
      1,
      3,
      () =>
        random.chance(0.1)
          ? `CLUSTERING ORDER BY (${random.pick(['b', 'c', 'd', 'nosuch'])} DESC)`
          : random.chance(0.05)
            ? 'COMPACT STORAGE'
            : `${random.pick(names)} = ${value()}`,
      ' AND ',
    );
  }

  #keyspaceOptions(): string {
    return this.#random.pick([
      '',
      " WITH replication = {'class': 'SimpleStrategy', 'replication_factor': 1}",
      " WITH replication = {'class': 'NetworkTopologyStrategy', 'datacenter1': 1}",
      " WITH replication = {'class': 'NetworkTopologyStrategy', 'replication_factor': '0'}",
      " WITH replication = {'class': 'NetworkTopologyStrategy', 'datacenter1': '99999999999'}",
      " WITH replication = {'class': 'nosuch'}",
      ' WITH replication = 1',
      ' WITH replication = {}',
      " WITH durable_writes = 'x'",
      ' WITH durable_writes = false',
      " WITH tablets = {'enabled': false}",
      " WITH tablets = {'initial': -1}",
      " WITH consistency = 'global'",
      ' WITH nosuch = 1',
    ]);
  }
}

function columnsOf(table: TableDescriptor): ColumnDescriptor[] {
  return [...table.definition.columns];
}

function isKey(kind: ColumnKind): boolean {
  return kind === ColumnKind.PartitionKey || kind === ColumnKind.Clustering;
}

function int32(value: number): Uint8Array {
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setInt32(0, value);
  return bytes;
}

function concat(parts: readonly Uint8Array[]): Uint8Array {
  return new Uint8Array(Buffer.concat(parts));
}
