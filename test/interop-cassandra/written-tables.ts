/** A statement that is executed once for each row of values, which are bound in order. */
export interface TableWrite {
  readonly cql: string;
  /** CQL types of the values, as the driver names them. */
  readonly types: readonly string[];
  readonly rows: readonly (readonly unknown[])[];
  /** Cassandra is not asked to do it. */
  readonly isOnlyOurs?: boolean;
}

/** A table with what is written to it, by Tessera and by Cassandra alike. `create` names it KEYSPACE.`name`. */
export interface WrittenTable {
  readonly name: string;
  readonly createTypes?: readonly string[];
  readonly create: string;
  readonly writes: readonly TableWrite[];
  /** The first Cassandra that knows what the table is made of; the oldest if absent. */
  readonly since?: number;
}

export const KEYSPACE = 'interop_sstables';

/** Microseconds: timestamps of writes in the order in which they are listed. */
let clock = 1_700_000_000_000_000;

/** `~` stands for USING TIMESTAMP and a time after all before it. */
function write(
  cql: string,
  types: readonly string[] = ['int'],
  rows: readonly (readonly unknown[])[] = [[1]],
): TableWrite {
  clock += 1_000_003;
  return { cql: cql.replace('~', `USING TIMESTAMP ${clock}`), types, rows };
}

const range = (count: number) => Array.from({ length: count }, (_, i) => i);
const filler = (length: number, seed: number) =>
  Array.from({ length: Math.ceil(length / 8) }, (_, i) => Math.imul(seed * 7919 + i + 1, 0x9e37_79b1) >>> 0)
    .map((word) => word.toString(16).padStart(8, '0'))
    .join('')
    .slice(0, length);

const NATIVE_VALUES: readonly (readonly [type: string, ...literals: string[]])[] = [
  ['ascii', "'plain'", "''", "'a\"b'"],
  ['bigint', '-9223372036854775808', '9223372036854775807', '9007199254740993'],
  ['blob', '0x00ff80', '0x', '0xcafe'],
  ['boolean', 'true', 'false', 'true'],
  ['date', "'1969-12-31'", "'2026-11-21'", "'0001-01-01'"],
  ['decimal', '-12345.6789', '1E+5', '123456789012345678901234567890.000000000000000000001'],
  ['double', '3.141592653589793', '-1.5E300', '0.0'],
  ['float', '1.5', '-3.4E38', '0.1'],
  ['inet', "'127.0.0.1'", "'2001:db8::1'", "'::'"],
  ['int', '-2147483648', '2147483647', '0'],
  ['smallint', '-32768', '32767', '0'],
  ['text', "'zażółć gęślą jaźń'", "''", '\'line\nbreak "quoted" 😀\''],
  ['time', "'23:59:59.999999999'", "'00:00:00'", "'12:30:00.5'"],
  ['timestamp', "'2026-11-21T02:00:00.123Z'", "'1960-01-01T00:00:00Z'", '0'],
  [
    'timeuuid',
    '50554d6e-29bb-11e5-b345-feff819cdc9f',
    'ddc7bf50-7362-11f0-beaf-3829db282c74',
    '50554d6f-29bb-11e5-b345-feff819cdc9f',
  ],
  ['tinyint', '-128', '127', '0'],
  [
    'uuid',
    '550e8400-e29b-41d4-a716-446655440000',
    '00000000-0000-4000-8000-000000000000',
    'ffffffff-ffff-4fff-bfff-ffffffffffff',
  ],
  ['varint', '170141183460469231731687303715884105728', '-1', '0'],
];
const VALUES_ONLY: typeof NATIVE_VALUES = [['duration', '14mo3d4h5m6s7ms', '-1ns', 'P1Y2M3D']];

function allTypes(): WrittenTable {
  const columns = [...NATIVE_VALUES, ...VALUES_ONLY];
  const names = columns.map(([type]) => `c_${type}`).join(', ');
  return {
    name: 'all_types',
    create: `(id int PRIMARY KEY, ${columns.map(([type]) => `c_${type} ${type}`).join(', ')})`,
    writes: [
      ...[1, 2, 3].map((i) =>
        write(
          `INSERT INTO all_types (id, ${names}) VALUES (?, ${columns.map((row) => row[i]).join(', ')}) ~`,
          ['int'],
          [[i]],
        ),
      ),
      write('INSERT INTO all_types (id) VALUES (?) ~', ['int'], [[4]]),
      write(
        'INSERT INTO all_types (id, c_int, c_bigint, c_uuid, c_timestamp, c_inet, c_varint) VALUES (?, blobAsInt(0x), blobAsBigint(0x), blobAsUuid(0x), blobAsTimestamp(0x), blobAsInet(0x), blobAsVarint(0x)) ~',
        ['int'],
        [[5]],
      ),
      write(
        `UPDATE all_types ~ SET ${columns.map(([type]) => `c_${type} = null`).join(', ')} WHERE id = ?`,
        ['int'],
        [[6]],
      ),
    ],
  };
}

/** A table for each type, which is its partition key and, both ways round, its clustering. */
function keysOfTypes(): WrittenTable[] {
  return NATIVE_VALUES.map(([type, ...literals]) => {
    const name = `key_${type}`;
    const keys = literals.filter((literal) => literal !== "''" && literal !== '0x');
    return {
      name,
      create: `(k ${type}, up ${type}, down ${type}, v int, PRIMARY KEY (k, up, down)) WITH CLUSTERING ORDER BY (up ASC, down DESC)`,
      writes: keys.flatMap((key, k) => [
        ...(k === 0 ? literals : literals.slice(0, 1)).map((up, u) =>
          write(
            `INSERT INTO ${name} (k, up, down, v) VALUES (${key}, ${up}, ${literals[(u + 1) % literals.length]}, ?) ~`,
            ['int'],
            [[u]],
          ),
        ),
        write(
          `UPDATE ${name} ~ SET v = ? WHERE k = ${key} AND up = ${literals[0]} AND down = ${literals[0]}`,
          ['int'],
          [[k]],
        ),
        ...(k === 0 && type !== 'boolean'
          ? [
              write(
                `DELETE FROM ${name} ~ WHERE k = ${keys.at(-1)} AND up = ${literals[1]} AND down > ?`,
                [type],
                [[sample(type)]],
              ),
            ]
          : []),
      ]),
    };
  });
}

/** A value of the type in the middle of its order, as bytes. */
function sample(type: string): Buffer {
  const sizes: Record<string, number> = {
    bigint: 8,
    date: 4,
    double: 8,
    float: 4,
    int: 4,
    smallint: 2,
    time: 8,
    timestamp: 8,
    tinyint: 1,
  };
  switch (type) {
    case 'ascii':
    case 'text':
      return Buffer.from('m');
    case 'inet':
      return Buffer.from('0a000001', 'hex');
    case 'timeuuid':
      return Buffer.from('50554d6f29bb11e5b345feff819cdc9f', 'hex');
    case 'uuid':
      return Buffer.from('550e8400e29b41d4a716446655440000', 'hex');
    case 'decimal':
      return Buffer.from('000000020a', 'hex');
    case 'varint':
    case 'blob':
      return Buffer.from('0a', 'hex');
    default:
      return Buffer.concat([Buffer.alloc(sizes[type]! - 1), Buffer.of(10)]);
  }
}

const COLLECTIONS: WrittenTable = {
  name: 'collections',
  create:
    '(k int, c int, l list<text>, s set<int>, m map<text, bigint>, fl frozen<list<int>>, fs frozen<set<text>>, fm frozen<map<int, text>>, mm map<int, frozen<list<text>>>, ss set<frozen<map<text, int>>> static, PRIMARY KEY (k, c))',
  writes: [
    write(
      "INSERT INTO collections (k, c, l, s, m, fl, fs, fm, mm) VALUES (?, 1, ['a', 'b', ''], {3, 1, 2}, {'x': 1, 'y': -1}, [9, 8], {'q', 'p'}, {2: 'two', 1: ''}, {5: ['five', 'cinq'], -1: []}) ~",
    ),
    write(
      "UPDATE collections ~ SET l = l + ['appended'], s = s + {100}, m['z'] = 26, m['x'] = null WHERE k = ? AND c = 1",
    ),
    write("UPDATE collections ~ SET s = s - {1}, m = m - {'y'}, ss = ss + {{'a': 1}} WHERE k = ? AND c = 2"),
    write('UPDATE collections ~ SET l = null, s = {}, m = null, fl = null WHERE k = ? AND c = 3'),
    write(
      "UPDATE collections USING TTL 100000000 AND TIMESTAMP 1700000000000123 SET l = ['t'], m['ttl'] = 1, fs = {} WHERE k = ? AND c = 4",
    ),
    write('DELETE l, s FROM collections ~ WHERE k = ? AND c = 5'),
    write('DELETE ss FROM collections ~ WHERE k = ?', ['int'], [[2]]),
  ],
};

const USER_TYPES: WrittenTable = {
  name: 'user_types',
  createTypes: [
    'CREATE TYPE ?.place (street text, number int, tags frozen<set<text>>)',
    'CREATE TYPE ?.person (name text, home frozen<place>, "Odd name" tuple<int, text>)',
  ],
  create:
    '(k int, c frozen<place>, p place, f frozen<place>, n person, t tuple<int, text, frozen<list<int>>>, l list<frozen<place>>, m map<frozen<tuple<int, int>>, frozen<person>>, st place static, PRIMARY KEY (k, c)) WITH CLUSTERING ORDER BY (c DESC)',
  writes: [
    write(
      "INSERT INTO user_types (k, c, p, f, n, t, l, m) VALUES (?, {street: 'A', number: 1}, {street: 'Main', number: 5, tags: {'x', 'y'}}, {street: 'Side', number: null}, {name: 'Ada', home: {street: 'H', number: 0, tags: {}}, \"Odd name\": (1, 'one')}, (1, 'x', [1, 2]), [{street: 'L1'}, {number: 2}], {(1, 2): {name: 'm'}}) ~",
    ),
    write(
      "UPDATE user_types ~ SET p.number = 6, p.street = null, st.street = 'static' WHERE k = ? AND c = {street: 'A', number: 1}",
    ),
    write("UPDATE user_types ~ SET p = null, n = null, t = (null, null, null) WHERE k = ? AND c = {street: 'B'}"),
    write(
      "UPDATE user_types ~ SET f = {street: ''}, t = (null, '', []) WHERE k = ? AND c = {street: 'B', number: 3, tags: {'z'}}",
    ),
  ],
};

const STATICS: WrittenTable = {
  name: 'statics',
  create: '(k int, c int, s1 text static, s2 int static, "Mixed Case" text static, v text, PRIMARY KEY (k, c))',
  writes: [
    write("INSERT INTO statics (k, s1, s2) VALUES (?, 'only static', 1) ~", ['int'], [[1]]),
    write("INSERT INTO statics (k, c, s1, \"Mixed Case\", v) VALUES (?, 1, 'both', 'quoted', 'row') ~", ['int'], [[2]]),
    write("INSERT INTO statics (k, c, v) VALUES (?, 1, 'no static') ~", ['int'], [[3]]),
    write('DELETE s1 FROM statics ~ WHERE k = ?', ['int'], [[4]]),
    write('UPDATE statics USING TTL 120000000 AND TIMESTAMP 1700000000000777 SET s2 = 5 WHERE k = ?', ['int'], [[5]]),
    write('DELETE FROM statics ~ WHERE k = ?', ['int'], [[6]]),
  ],
};

const LIFETIMES: WrittenTable = {
  name: 'lifetimes',
  create:
    "(k int, c int, a text, b text, PRIMARY KEY (k, c)) WITH compression = {'class': 'SnappyCompressor', 'chunk_length_in_kb': 4}",
  writes: [
    write(
      "INSERT INTO lifetimes (k, c, a, b) VALUES (?, 1, 'a', 'b') USING TTL 100000000 AND TIMESTAMP 1700000000001001",
    ),
    write(
      "UPDATE lifetimes USING TTL 150000000 AND TIMESTAMP 1700000000001002 SET a = 'other ttl' WHERE k = ? AND c = 1",
    ),
    write(
      "UPDATE lifetimes USING TTL 50000000 AND TIMESTAMP 1700000000001003 SET b = 'no liveness' WHERE k = ? AND c = 2",
    ),
    write("INSERT INTO lifetimes (k, c, a) VALUES (?, 3, 'lives') USING TIMESTAMP 1700000000001004"),
    {
      ...write(
        "UPDATE lifetimes USING TTL 630720000 AND TIMESTAMP 1700000000001005 SET b = 'twenty years' WHERE k = ? AND c = 3",
      ),
      isOnlyOurs: true, // expires after 2038, which Cassandra before 5 refuses
    },
    write('UPDATE lifetimes ~ SET a = null WHERE k = ? AND c = 4'),
    write("INSERT INTO lifetimes (k, c, a) VALUES (?, 5, 'negative timestamp') USING TIMESTAMP -5000000"),
  ],
};

const TOMBSTONES: WrittenTable = {
  name: 'tombstones',
  create:
    "(k int, c1 text, c2 int, a text, b int, m map<int, int>, PRIMARY KEY (k, c1, c2)) WITH CLUSTERING ORDER BY (c1 ASC, c2 DESC) AND compression = {'enabled': false}",
  writes: [
    write('DELETE FROM tombstones ~ WHERE k = ?', ['int'], [[1], [7]]),
    write("INSERT INTO tombstones (k, c1, c2, a, b, m) VALUES (?, 'x', 1, 'after', 1, {1: 1}) ~", ['int'], [[1]]),
    write(
      "INSERT INTO tombstones (k, c1, c2, a) VALUES (?, 'a', ?, 'deleted range') ~",
      ['int', 'int'],
      range(9).map((i) => [2, i]),
    ),
    write("DELETE FROM tombstones ~ WHERE k = ? AND c1 = 'a' AND c2 > 2 AND c2 <= 6", ['int'], [[2]]),
    write("DELETE FROM tombstones ~ WHERE k = ? AND c1 = 'a' AND c2 >= 5", ['int'], [[2]]),
    write("DELETE FROM tombstones ~ WHERE k = ? AND c1 = 'b'", ['int'], [[2]]),
    write("DELETE FROM tombstones ~ WHERE k = ? AND c1 > 'b'", ['int'], [[2]]),
    write("DELETE FROM tombstones ~ WHERE k = ? AND c1 < 'c'", ['int'], [[3]]),
    write("DELETE FROM tombstones ~ WHERE k = ? AND c1 >= 'a' AND c1 < 'd'", ['int'], [[3]]),
    write("DELETE FROM tombstones ~ WHERE k = ? AND (c1, c2) > ('b', 5) AND (c1, c2) < ('b', 1)", ['int'], [[4]]),
    write("DELETE FROM tombstones ~ WHERE k = ? AND c1 = 'x' AND c2 = 1", ['int'], [[4]]),
    write("INSERT INTO tombstones (k, c1, c2, b) VALUES (?, 'x', 1, 2) ~", ['int'], [[4]]),
    write("DELETE a, m FROM tombstones ~ WHERE k = ? AND c1 = '' AND c2 = 0", ['int'], [[5]]),
    write("DELETE m[3] FROM tombstones ~ WHERE k = ? AND c1 = '' AND c2 = 1", ['int'], [[5]]),
  ],
};

const COMPRESSIONS: readonly (readonly [name: string, options: string, since?: number])[] = [
  ['none', "{'enabled': false}"],
  ['lz4', "{'class': 'LZ4Compressor', 'chunk_length_in_kb': 4}"],
  ['snappy', "{'class': 'SnappyCompressor', 'chunk_length_in_kb': 16}"],
  ['deflate', "{'class': 'DeflateCompressor', 'chunk_length_in_kb': 64}"],
  ['zstd', "{'class': 'ZstdCompressor', 'chunk_length_in_kb': 16, 'compression_level': 3}", 4],
  ['noop', "{'class': 'NoopCompressor', 'chunk_length_in_kb': 16}", 4],
];

/** Partitions of many index blocks, with range deletions across them, in every compression. */
function widePartitions(): WrittenTable[] {
  return COMPRESSIONS.map(([compression, options, since]) => {
    const name = `wide_${compression}`;
    return {
      name,
      ...(since === undefined ? {} : { since }),
      create: `(k text, c1 int, c2 text, v text, s text static, PRIMARY KEY (k, c1, c2)) WITH CLUSTERING ORDER BY (c1 DESC, c2 ASC) AND compression = ${options}`,
      writes: [
        write(
          `INSERT INTO ${name} (k, c1, c2, v) VALUES (?, ?, ?, ?) ~`,
          ['text', 'int', 'text', 'text'],
          range(6000).map((i) => [
            i % 3 === 0 ? 'other' : 'wide',
            i >> 3,
            `row ${i & 7}`,
            filler(40 + ((i * 37) % 200), i),
          ]),
        ),
        write(`DELETE FROM ${name} ~ WHERE k = ? AND c1 > 100 AND c1 < 650`, ['text'], [['wide']]),
        write(
          `DELETE FROM ${name} ~ WHERE k = ? AND c1 = 20 AND c2 >= 'row 1' AND c2 <= 'row 5'`,
          ['text'],
          [['wide']],
        ),
        write(
          `INSERT INTO ${name} (k, c1, c2, v) VALUES (?, ?, 'new', ?) ~`,
          ['text', 'int', 'text'],
          range(1200).map((i) => ['wide', i, filler(150, i + 7)]),
        ),
        write(`UPDATE ${name} ~ SET s = 'static of a wide one' WHERE k = ?`, ['text'], [['wide']]),
        write(`DELETE FROM ${name} ~ WHERE k = ?`, ['text'], [['other']]),
        write(
          `UPDATE ${name} ~ SET v = ? WHERE k = ? AND c1 = ? AND c2 = 'after the deletion'`,
          ['text', 'text', 'int'],
          range(1500).map((i) => [filler(100, i), 'other', i]),
        ),
      ],
    };
  });
}

const MANY_PARTITIONS: WrittenTable = {
  name: 'many_partitions',
  create: '(k1 text, k2 bigint, k3 boolean, v blob, PRIMARY KEY ((k1, k2, k3)))',
  writes: [
    write(
      'INSERT INTO many_partitions (k1, k2, k3, v) VALUES (?, ?, ?, ?) ~',
      ['text', 'bigint', 'boolean', 'blob'],
      range(3000).map((i) => [
        i % 5 === 0 ? '' : `key-${i}`,
        i * 1000 - 500_000,
        i % 2 === 0,
        Buffer.from(filler(i % 60, i)),
      ]),
    ),
  ],
};

const LARGE_VALUES: WrittenTable = {
  name: 'large_values',
  create: '(k text, c text, v blob, t text, PRIMARY KEY (k, c))',
  writes: [
    write(
      'INSERT INTO large_values (k, c, v, t) VALUES (?, ?, ?, ?) ~',
      ['text', 'text', 'blob', 'text'],
      [
        ['big', 'a', Buffer.from(filler(3_000_000, 1)), filler(70_000, 2)],
        ['big', filler(60_000, 3), Buffer.alloc(0), ''],
        ['big', filler(60_000, 4), Buffer.from('00', 'hex'), 'x'],
        [filler(60_000, 5), '', Buffer.alloc(200_000), 'long key'],
      ],
    ),
  ],
};

const COLUMN_NAMES = range(70).map((i) => `c${String(i).padStart(2, '0')}`);
/** More columns than a bitmap of missing ones has bits; clustering columns of more than one group. */
const MANY_COLUMNS: WrittenTable = {
  name: 'many_columns',
  create: `(k int, ${range(34)
    .map((i) => `p${String(i).padStart(2, '0')} text`)
    .join(', ')}, ${COLUMN_NAMES.map((name) => `${name} int`).join(', ')}, PRIMARY KEY (k, ${range(34)
    .map((i) => `p${String(i).padStart(2, '0')}`)
    .join(', ')}))`,
  writes: [1, 20, 60, 70].map((count) => {
    const columns = COLUMN_NAMES.filter((_, i) => (i * 37) % 70 < count);
    const keys = range(34).map((i) => `p${String(i).padStart(2, '0')}`);
    return write(
      `INSERT INTO many_columns (k, ${[...keys, ...columns].join(', ')}) VALUES (?, ${[...keys.map((_, i) => (i % 2 === 0 ? `'${count}'` : "''")), ...columns.map((_, i) => i)].join(', ')}) ~`,
    );
  }),
};

const KEYS_ONLY: WrittenTable = {
  name: 'keys_only',
  create: '(k int, c text, PRIMARY KEY (k, c))',
  writes: [
    write(
      'INSERT INTO keys_only (k, c) VALUES (?, ?) ~',
      ['int', 'text'],
      [
        [1, ''],
        [1, 'a'],
        [2, 'b'],
      ],
    ),
    write('DELETE FROM keys_only ~ WHERE k = ? AND c = ?', ['int', 'text'], [[1, 'gone']]),
  ],
};

const VECTORS: WrittenTable = {
  name: 'vectors',
  since: 5,
  create: '(k int PRIMARY KEY, v vector<float, 3>, t vector<text, 2>)',
  writes: [write("INSERT INTO vectors (k, v, t) VALUES (?, [1.5, -2, 0.25], ['a', '']) ~")],
};

export const WRITTEN_TABLES: readonly WrittenTable[] = [
  allTypes(),
  ...keysOfTypes(),
  COLLECTIONS,
  USER_TYPES,
  STATICS,
  LIFETIMES,
  TOMBSTONES,
  ...widePartitions(),
  MANY_PARTITIONS,
  LARGE_VALUES,
  MANY_COLUMNS,
  KEYS_ONLY,
  VECTORS,
];
