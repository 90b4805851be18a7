import fc from 'fast-check';
import { expect, test } from 'vitest';
import { MutationChecker } from '../../core/mutation/check.ts';
import { MutationList } from '../../core/mutation/mutation-list.ts';
import { encodeList, encodeMap, encodeSet, encodeTuple, encodeVector } from '../../core/types/collection-codec.ts';
import { type CqlType, TypeKind } from '../../core/types/cql-type.ts';
import { literalText } from '../../core/types/literal-text.ts';
import { makeSchema } from '../../test/support/make-table.ts';
import { printMutation } from '../../test/support/print-mutation.ts';
import { boundValues, FixedContext, type GivenValue } from '../../test/support/statement-values.ts';
import type { ModificationStatement } from '../language/ast.ts';
import { parseStatement } from '../language/parser.ts';
import { planModification } from './modify.ts';
import type { ModifyPlan } from './plan.ts';

/** A value that comes through a marker and the same value as a literal in the text give the same mutation. */

const COLUMNS = `
  a ascii, bi bigint, bl blob, bo boolean, da date, de decimal, doo double, du duration, f float, i inet, n int, si smallint,
  t text, ti time, ts timestamp, tu timeuuid, ty tinyint, u uuid, vi varint,
  l list<int>, fl frozen<list<text>>, s set<text>, fs frozen<set<decimal>>, m map<text, int>,
  fm frozen<map<int, frozen<set<int>>>>, tt tuple<int, text, list<int>>, x pt, fx frozen<pt>, ve vector<float, 3>,
  vt vector<text, 2>, lu list<frozen<pt>>, mm map<int, frozen<map<text, frozen<list<blob>>>>>`;
const schema = makeSchema(
  `CREATE TYPE pt (x int, "Y" text, z frozen<set<int>>); CREATE TABLE t (p int, c int, st list<int> static, ${COLUMNS}, PRIMARY KEY (p, c))`,
);
const table = schema.keyspaces.get('ks')!.tables.get('t')!;

const text = fc.oneof(
  fc.constantFrom('', "it's", 'ä€😀', '0x00', 'null'),
  fc.string({ unit: 'grapheme', maxLength: 6 }),
);
const integer = (bits: number) =>
  fc.bigInt({ min: -(1n << BigInt(bits - 1)), max: (1n << BigInt(bits - 1)) - 1n }).map(String);

/** Texts of scalar values, for `fromText`. */
function scalarText({ kind }: CqlType): fc.Arbitrary<string> {
  switch (kind) {
    case TypeKind.Ascii:
      return fc.string({ unit: 'grapheme-ascii', maxLength: 6 });
    case TypeKind.Text:
      return text.filter((value) => value.isWellFormed());
    case TypeKind.Blob:
      return fc.uint8Array({ maxLength: 5 }).map((bytes) => Buffer.from(bytes).toString('hex'));
    case TypeKind.Boolean:
      return fc.constantFrom('true', 'false');
    case TypeKind.Tinyint:
      return integer(8);
    case TypeKind.Smallint:
      return integer(16);
    case TypeKind.Int:
      return integer(32);
    case TypeKind.Bigint:
      return integer(64);
    case TypeKind.Varint:
      return integer(100);
    case TypeKind.Decimal:
      return fc.tuple(integer(80), fc.integer({ min: -30, max: 30 })).map(([digits, power]) => `${digits}e${power}`);
    case TypeKind.Float:
      return fc.float({ noDefaultInfinity: true }).map(String);
    case TypeKind.Double:
      return fc.double({ noDefaultInfinity: true }).map(String);
    case TypeKind.Date:
      return fc.nat({ max: 0xffff_ffff }).map(String);
    case TypeKind.Time:
      return fc.nat({ max: 86_399_999_999_999 }).map(String);
    case TypeKind.Timestamp:
      return fc.integer({ min: -1e14, max: 1e14 }).map(String);
    case TypeKind.Duration:
      return fc.tuple(fc.nat({ max: 99 }), fc.nat({ max: 99 })).map(([days, seconds]) => `${days}d${seconds}s`);
    case TypeKind.Inet:
      return fc.oneof(fc.ipV4(), fc.ipV6());
    case TypeKind.Timeuuid:
      return fc.uuid({ version: 1 });
    default:
      return fc.uuid();
  }
}

function valueFor(type: CqlType): fc.Arbitrary<Uint8Array> {
  const [first, second] = type.parameters;
  switch (type.kind) {
    case TypeKind.List:
      return fc.array(valueFor(first!), { maxLength: 4 }).map(encodeList);
    case TypeKind.Set:
      return fc.array(valueFor(first!), { maxLength: 4 }).map((elements) => encodeSet(first!, elements));
    case TypeKind.Map:
      return fc.array(fc.tuple(valueFor(first!), valueFor(second!)), { maxLength: 4 }).map((entries) =>
        encodeMap(
          first!,
          entries.map(([key]) => key),
          entries.map(([, value]) => value),
        ),
      );
    case TypeKind.Vector:
      return fc
        .array(valueFor(first!), { minLength: type.dimension!, maxLength: type.dimension! })
        .map((elements) => encodeVector(first!, elements));
    case TypeKind.Tuple:
    case TypeKind.Udt:
      return fc
        .tuple(...type.parameters.map((field) => fc.option(valueFor(field), { nil: undefined })))
        .map(encodeTuple);
    default:
      return scalarText(type).map((value) => type.fromText(value));
  }
}

function run(statement: string, given: readonly GivenValue[]): string {
  const plan = planModification(parseStatement(statement) as ModificationStatement, schema, 'ks') as ModifyPlan;
  const list = new MutationList();
  plan.bind(boundValues(given), new FixedContext(), list);
  if (list.count === 0) return 'nothing';
  expect(new MutationChecker(table).check(list.bytes, list.starts[0]!, list.ends[0]!)).toBeUndefined();
  return printMutation(table, list.bytes, list.starts[0]!, list.ends[0]!);
}

test.each([...table.regulars, ...table.statics].map((column) => [column.name, column] as const))(
  'column %s: bound by marker = literal in the text',
  (name, { type }) => {
    fc.assert(
      fc.property(valueFor(type), (value) => {
        const literal = literalText(type, value, 0, value.length);
        const row = name === 'st' ? 'p = 1' : 'p = 1 AND c = 2';
        expect(run(`UPDATE t SET ${name} = ${literal} WHERE ${row}`, [])).toBe(
          run(`UPDATE t SET ${name} = ? WHERE ${row}`, [value]),
        );
        expect(run(`INSERT INTO t (c, ${name}, p) VALUES (2, ${literal}, 1)`, [])).toBe(
          run(`INSERT INTO t (c, ${name}, p) VALUES (2, ?, 1)`, [value]),
        );
      }),
      { numRuns: 40 },
    );
  },
);

test('bytes that are no value are refused, whatever they are', () => {
  const columns = table.regulars;
  fc.assert(
    fc.property(fc.nat({ max: columns.length - 1 }), fc.uint8Array({ maxLength: 24 }), (index, bytes) => {
      const { name, type } = columns[index]!;
      const isValue = type.validate(bytes, 0, bytes.length) === undefined;
      const bind = () => run(`UPDATE t SET ${name} = ? WHERE p = 1 AND c = 2`, [bytes]);
      if (isValue) bind();
      else expect(bind).toThrow(`Exception while binding column ${name} of type`);
    }),
    { numRuns: 1000 },
  );
});
