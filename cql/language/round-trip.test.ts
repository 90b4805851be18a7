import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { Statement, Term, TypeNode } from './ast.ts';
import { Lexer, type Token, TokenKind } from './lexer.ts';
import { parseStatement } from './parser.ts';
import { printStatement } from './printer.ts';

// Trees are generated with the name of each marker in its place and numbered afterwards, in order of their fields,
// which is the order of the text.

const WORDS = (
  'a b c key value values type ttl timestamp timeout count writetime cast token exists contains like is not in between ' +
  'ann of as distinct json clustering order compact storage static primary int text varchar list set map frozen tuple ' +
  'vector counter filtering bypass cache per partition group by select from where and if null true nan infinity using ' +
  'mutation_fragments p1y pt1s e1 x0 batch apply begin unlogged table keyspace custom index role user add drop with'
).split(' ');
const name = fc.oneof(
  { weight: 4, arbitrary: fc.constantFrom('a', 'b', 'c', 'd1', 'long_name') },
  { weight: 3, arbitrary: fc.constantFrom(...WORDS) },
  {
    weight: 1,
    arbitrary: fc.constantFrom('A', 'P1Y', 'a"b', ' ', "'", '--', '/*', '1', '?', '__proto__', 'constructor', 'é'),
  },
  { weight: 1, arbitrary: fc.string({ unit: 'binary', minLength: 1, maxLength: 4 }) },
);
const names = fc.uniqueArray(name, { minLength: 1, maxLength: 3 });
const maybe = <T>(arbitrary: fc.Arbitrary<T>): fc.Arbitrary<T | undefined> => fc.option(arbitrary, { nil: undefined });
const some = <T>(arbitrary: fc.Arbitrary<T>) => fc.array(arbitrary, { minLength: 1, maxLength: 3 });
const few = <T>(arbitrary: fc.Arbitrary<T>) => fc.array(arbitrary, { maxLength: 3 });
const qualifiedName = fc.record({ keyspace: maybe(name), name });
const kind = <const K extends string>(value: K) => fc.constant(value);

const literalOf = (type: string, ...texts: string[]) =>
  fc.record({ kind: kind('literal'), type: fc.constant(type), text: fc.constantFrom(...texts) });
const integer = literalOf('integer', '0', '1', '-3', '007', '170141183460469231731687303715884105728');
const duration = literalOf('duration', '1h', '-5ms', '1y2mo', 'P1Y', '-PT1S', 'P0001-02-03T04:05:06', '3\u00b5s');
const literal = fc.oneof(
  integer,
  duration,
  literalOf('float', '1.5', '-1.', '1e3', '1.e-3', 'NaN', 'Infinity', '-Infinity'),
  literalOf('uuid', '12345678-1234-1234-1234-123456789abc', 'DEADBEEF-1234-1234-1234-123456789abc'),
  literalOf('blob', '0x', '0xCAFE'),
  literalOf('boolean', 'true', 'false'),
  fc.record({ kind: kind('literal'), type: fc.constant('string'), text: fc.string({ unit: 'binary', maxLength: 5 }) }),
  literalOf('string', "'", "''", '$$', '--', "/*'*/"),
);
const marker = fc.record({ kind: kind('marker'), name: maybe(name) });
const number = fc.oneof(integer, marker);

const NO_TYPE = {
  frozen: fc.boolean(),
  keyspace: fc.constant(undefined),
  parameters: fc.constant([]),
  dimension: fc.constant(0),
};
/** A class name in parentheses is a string in parentheses, a tuple. */
const isHintType = (node: unknown) => (node as TypeNode).kind !== 'custom' || (node as TypeNode).frozen;
const { type, term } = fc.letrec((tie) => {
  const subtypes = (count: number) => fc.array(tie('type'), { minLength: count, maxLength: count });
  const compound = (
    word: string,
    parameters: fc.Arbitrary<unknown>,
    dimension: fc.Arbitrary<number> = fc.constant(0),
  ) =>
    fc.record({
      kind: kind(word),
      frozen: fc.boolean(),
      keyspace: NO_TYPE.keyspace,
      name: kind(word),
      parameters,
      dimension,
    });
  const terms = fc.array(tie('term'), { maxLength: 3 });
  const someTerms = fc.array(tie('term'), { minLength: 1, maxLength: 3 });
  const entry = fc.record({ key: tie('term'), value: tie('term') });
  const field = fc.record({ field: name, value: tie('term') });
  return {
    type: fc.oneof(
      { depthSize: 'small', withCrossShrink: true },
      fc.record({ kind: kind('native'), ...NO_TYPE, name: fc.constantFrom('int', 'text', 'timeuuid', 'counter') }),
      fc.record({ kind: kind('user'), ...NO_TYPE, keyspace: maybe(name), name }),
      fc.record({ kind: kind('custom'), ...NO_TYPE, name: fc.constantFrom('', "o'x", 'org.Type') }),
      compound('list', subtypes(1)),
      compound('set', subtypes(1)),
      compound('map', subtypes(2)),
      compound('tuple', fc.oneof(subtypes(1), subtypes(3))),
      compound('vector', subtypes(1), fc.constantFrom(0, 3, 16000)),
    ),
    term: fc.oneof(
      { depthSize: 'small', withCrossShrink: true },
      literal,
      marker,
      fc.record({ kind: kind('null') }),
      fc.record({ kind: kind('list'), items: terms }),
      fc.record({ kind: kind('set'), items: someTerms }),
      fc.record({ kind: kind('map'), entries: fc.array(entry, { maxLength: 3 }) }),
      fc.record({ kind: kind('udt'), fields: fc.array(field, { minLength: 1, maxLength: 3 }) }),
      fc.record({ kind: kind('tuple'), items: someTerms }),
      fc.record({ kind: kind('call'), keyspace: maybe(name), name, args: terms }),
      fc.record({ kind: kind('hint'), type: tie('type').filter(isHintType), term: tie('term') }),
    ),
  };
}) as { type: fc.Arbitrary<TypeNode>; term: fc.Arbitrary<Term> };

const { selector } = fc.letrec((tie) => ({
  columnSelector: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    fc.record({ kind: kind('column'), name }),
    fc.record({ kind: kind('field'), of: tie('columnSelector'), field: name }),
    fc.record({ kind: kind('element'), of: tie('columnSelector'), key: term }),
  ),
  selector: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    tie('columnSelector'),
    fc.record({ kind: kind('count-rows') }),
    fc.record({ kind: fc.constantFrom('writetime', 'ttl'), of: tie('columnSelector') }),
    fc.record({ kind: kind('term'), term: term.filter((value) => value.kind !== 'call' && value.kind !== 'hint') }),
    fc.record({ kind: kind('call'), keyspace: maybe(name), name, args: fc.array(tie('selector'), { maxLength: 3 }) }),
    fc.record({ kind: kind('cast'), of: tie('selector'), type }),
    fc.record({ kind: kind('hint'), type: type.filter(isHintType), of: tie('selector') }),
  ),
}));
const selectItem = fc.record({ selector, alias: maybe(name) });

const columnOperand = fc.record({ kind: kind('column'), column: name });
const elementOperand = fc.record({ kind: kind('element'), column: name, key: term });
const fieldOperand = fc.record({ kind: kind('field'), column: name, field: name });
const tupleOperand = fc.record({ kind: kind('tuple'), columns: names });
const tokenOperand = fc.record({ kind: kind('token'), columns: names });
const comparison = fc.constantFrom('=', '!=', '<', '<=', '>', '>=');
const tupleValue = term.filter((value) => value.kind === 'tuple' || value.kind === 'marker' || value.kind === 'hint');
const compare = (left: fc.Arbitrary<unknown>, operator: fc.Arbitrary<string>, right: fc.Arbitrary<Term> = term) =>
  fc.record({ kind: kind('compare'), left, operator, right });
const within = (left: fc.Arbitrary<unknown>, item: fc.Arbitrary<Term> = term) =>
  fc.oneof(
    fc.record({ kind: kind('in'), left, negated: fc.boolean(), items: few(item) }),
    fc.record({ kind: kind('in-marker'), left, negated: fc.boolean(), marker }),
  );
const cellRelation = (left: fc.Arbitrary<unknown>) =>
  fc.oneof(compare(left, fc.oneof(comparison, kind('LIKE'))), within(left));
const contains = compare(columnOperand, fc.constantFrom('CONTAINS', 'CONTAINS KEY'));
const relation = fc.oneof(
  cellRelation(fc.oneof(columnOperand, elementOperand)),
  contains,
  compare(tupleOperand, comparison, tupleValue),
  within(tupleOperand, tupleValue),
  compare(tokenOperand, comparison),
  fc.record({ kind: kind('is-not-null'), left: columnOperand }),
);
const cellOperand = fc.oneof(columnOperand, elementOperand, fieldOperand);
const condition = fc.oneof(cellRelation(cellOperand), contains);

const usingOf = (...kinds: string[]) =>
  fc.uniqueArray(
    fc
      .constantFrom(...kinds)
      .chain((part) =>
        fc.record({ kind: kind(part), value: part === 'timeout' ? fc.oneof(duration, marker) : number }),
      ),
    { maxLength: kinds.length, selector: (option) => option.kind },
  );
const ordering = fc.record({ column: name, descending: fc.boolean() });
const select = fc.record({
  kind: kind('select'),
  distinct: fc.boolean(),
  items: few(selectItem),
  from: qualifiedName,
  where: few(relation),
  groupBy: fc.oneof(fc.constant([]), names),
  orderBy: few(ordering),
  perPartitionLimit: maybe(number),
  limit: maybe(number),
  allowFiltering: fc.boolean(),
  bypassCache: fc.boolean(),
  using: usingOf('timeout'),
});
const insert = fc.record({
  kind: kind('insert'),
  table: qualifiedName,
  columns: names,
  values: some(term),
  ifNotExists: fc.boolean(),
  using: usingOf('ttl', 'timestamp', 'timeout'),
});
const assignment = fc.oneof(
  fc.record({ kind: fc.constantFrom('set', 'add', 'subtract', 'prepend'), column: name, value: term }),
  fc.record({ kind: kind('set-element'), column: name, key: term, value: term }),
  fc.record({ kind: kind('set-field'), column: name, field: name, value: term }),
);
const conditions = fc.oneof(
  fc.constant({ ifExists: true, conditions: [] }),
  fc.record({ ifExists: fc.constant(false), conditions: few(condition) }),
);
const update = fc
  .tuple(
    fc.record({
      kind: kind('update'),
      table: qualifiedName,
      using: usingOf('ttl', 'timestamp', 'timeout'),
      assignments: some(assignment),
      where: some(relation),
    }),
    conditions,
  )
  .map(([body, end]) => ({ ...body, ...end }));
const remove = fc
  .tuple(
    fc.record({
      kind: kind('delete'),
      targets: few(cellOperand),
      table: qualifiedName,
      using: usingOf('timestamp', 'timeout'),
      where: some(relation),
    }),
    conditions,
  )
  .map(([body, end]) => ({ ...body, ...end }));
const batch = fc.record({
  kind: kind('batch'),
  type: fc.constantFrom('logged', 'unlogged', 'counter'),
  using: usingOf('ttl', 'timestamp', 'timeout'),
  statements: few(fc.oneof(insert, update, remove)),
});

const { propertyValue } = fc.letrec((tie) => ({
  propertyValue: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    literal,
    fc.record({ kind: kind('list'), items: fc.array(tie('propertyValue'), { maxLength: 3 }) }),
    fc.record({
      kind: kind('map'),
      entries: fc.array(fc.record({ key: literal, value: tie('propertyValue') }), { maxLength: 3 }),
    }),
  ),
}));
const property = fc.record({ name, value: propertyValue });
const properties = fc.uniqueArray(property, { maxLength: 3, selector: (option) => option.name });
const someProperties = fc.uniqueArray(property, { minLength: 1, maxLength: 3, selector: (option) => option.name });
const ifExists = fc.boolean();
const ifNotExists = fc.boolean();
const columnDefinition = fc.record({ name, type, isStatic: fc.boolean() });
const rename = fc.record({ kind: kind('rename'), ifExists, renamings: some(fc.record({ from: name, to: name })) });
const retype = fc.record({ kind: kind('retype'), name, type });
const tableChange = fc.oneof(
  fc.record({ kind: kind('add'), ifNotExists, columns: some(columnDefinition) }),
  fc.record({ kind: kind('drop'), ifExists, columns: names, timestamp: maybe(integer) }),
  rename,
  retype,
  fc.record({ kind: kind('with'), properties: someProperties }),
);
const typeChange = fc.oneof(
  fc.record({ kind: kind('add'), ifNotExists, field: fc.record({ name, type }) }),
  rename,
  retype,
);
const schemaStatement = fc.oneof(
  fc.record({ kind: kind('create-keyspace'), ifNotExists, keyspace: name, properties }),
  fc.record({ kind: kind('alter-keyspace'), ifExists, keyspace: name, properties: someProperties }),
  fc.record({ kind: kind('drop-keyspace'), ifExists, keyspace: name }),
  fc.record({
    kind: kind('create-table'),
    ifNotExists,
    table: qualifiedName,
    columns: few(columnDefinition),
    partitionKey: names,
    clustering: few(name),
    clusteringOrder: few(ordering),
    properties,
  }),
  fc.record({ kind: kind('alter-table'), ifExists, table: qualifiedName, change: tableChange }),
  fc.record({ kind: kind('drop-table'), ifExists, table: qualifiedName }),
  fc.record({ kind: kind('create-type'), ifNotExists, type: qualifiedName, fields: some(fc.record({ name, type })) }),
  fc.record({ kind: kind('alter-type'), ifExists, type: qualifiedName, change: typeChange }),
  fc.record({ kind: kind('drop-type'), ifExists, type: qualifiedName }),
  fc.record({ kind: kind('use'), keyspace: name }),
);
const truncate = fc.record({ kind: kind('truncate'), table: qualifiedName, using: usingOf('timeout') });
const statement = fc
  .oneof(
    { weight: 4, arbitrary: select },
    insert,
    { weight: 2, arbitrary: update },
    { weight: 2, arbitrary: remove },
    batch,
    truncate,
    { weight: 3, arbitrary: schemaStatement },
  )
  .map(numberMarkers);

/** Replaces the names in markers by indexes, in order, and gives the list to the statement and those inside it. */
function numberMarkers(tree: object): Statement {
  const markers: (string | undefined)[] = [];
  const visit = (value: unknown): unknown => {
    if (Array.isArray(value)) return value.map(visit);
    if (typeof value !== 'object' || value === null) return value;
    const { kind: nodeKind, name: markerName } = value as { kind?: string; name?: string | undefined };
    if (nodeKind === 'marker') {
      const known = markerName === undefined ? -1 : markers.indexOf(markerName);
      return { kind: nodeKind, index: known >= 0 ? known : markers.push(markerName) - 1 };
    }
    const copy: [string, unknown][] = Object.entries(value).map(([field, inner]) => [field, visit(inner)]);
    if (/^(?:insert|update|delete)$/.test(nodeKind ?? '')) copy.push(['markers', markers]);
    return Object.fromEntries(copy);
  };
  return { ...(visit(tree) as Statement), markers };
}

const NOISE = fc.constantFrom(' ', '\n', '\t\r\n ', ' /* c */ ', ' -- c\n', ' // c /*\n', ' /**/ ');

/** The same statement in other words: other blanks, comments, other cases of unquoted words. */
function disguise(text: string, noise: (isNeeded: boolean) => string, isUpper: () => boolean): string {
  const lexer = new Lexer(text);
  let disguised = '';
  let previous: Token | undefined;
  for (let token = lexer.next(); token.kind !== TokenKind.End; token = lexer.next()) {
    const isSign = previous?.text === '-' && previous.kind === TokenKind.Symbol && previous.end === token.start;
    if (!isSign) disguised += noise(previous !== undefined && previous.end < token.start);
    const word = text.slice(token.start, token.end);
    const mayChange = token.kind === TokenKind.Name && !word.startsWith('p'); // an upper-case P may begin a duration
    disguised += mayChange && isUpper() ? word.toUpperCase() : word;
    previous = token;
  }
  return `${disguised}${noise(false)};`;
}

test('parsing what was printed gives the statement again', () => {
  fc.assert(
    fc.property(statement, (tree) => {
      const text = printStatement(tree);
      expect(parseStatement(text), text).toStrictEqual(tree);
    }),
    { numRuns: 3000 },
  );
});

test('blanks, comments, cases and a semicolon change nothing', () => {
  fc.assert(
    fc.property(statement, fc.gen(), (tree, generate) => {
      const noise = (isNeeded: boolean) => (isNeeded || generate(fc.boolean) ? generate(() => NOISE) : '');
      const text = disguise(printStatement(tree), noise, () => generate(fc.boolean));
      expect(parseStatement(text), text).toStrictEqual(tree);
    }),
    { numRuns: 500 },
  );
});
