import assert from 'node:assert/strict';
import cassandra from 'cassandra-driver';

/**
 * The Node driver against a started node: every type by prepared statement, paging, batches, LWT, metadata, events.
 * Usage: node test/interop/node-driver.ts HOST PORT
 */
const { types } = cassandra;
const [host = '127.0.0.1', port = '9042'] = process.argv.slice(2);
const client = new cassandra.Client({
  contactPoints: [host],
  protocolOptions: { port: Number(port) },
  localDataCenter: 'datacenter1',
});

await client.connect();
await client.execute('DROP KEYSPACE IF EXISTS interop_node');
await client.execute(
  "CREATE KEYSPACE interop_node WITH replication = {'class': 'NetworkTopologyStrategy', 'datacenter1': 1}",
);
await client.execute('USE interop_node');
await client.execute('CREATE TYPE address (street text, number int, tags frozen<set<text>>)');
await client.execute(`CREATE TABLE all_types (
  id int PRIMARY KEY, c_ascii ascii, c_bigint bigint, c_blob blob, c_boolean boolean, c_date date, c_decimal decimal,
  c_double double, c_duration duration, c_float float, c_inet inet, c_smallint smallint, c_text text, c_time time,
  c_timestamp timestamp, c_timeuuid timeuuid, c_tinyint tinyint, c_uuid uuid, c_varint varint, c_list list<int>,
  c_set set<text>, c_map map<text, int>, c_frozen frozen<list<int>>, c_tuple tuple<int, text>,
  c_address address, c_frozen_address frozen<address>)`);

const timeuuid = types.TimeUuid.now();
const row: Record<string, unknown> = {
  id: 1,
  c_ascii: 'plain',
  c_bigint: types.Long.fromString('-9223372036854775808'),
  c_blob: Buffer.from('00ff80', 'hex'),
  c_boolean: true,
  c_date: types.LocalDate.fromString('1969-12-31'),
  c_decimal: types.BigDecimal.fromString('-12345.6789'),
  c_double: Math.PI,
  c_duration: types.Duration.fromString('14mo3d4h5m6s7ms'),
  c_float: 1.5,
  c_inet: types.InetAddress.fromString('2001:db8::1'),
  c_smallint: -32768,
  c_text: 'zażółć gęślą jaźń',
  c_time: types.LocalTime.fromString('23:59:59.999999999'),
  c_timestamp: new Date('2026-11-21T02:00:00.123Z'),
  c_timeuuid: timeuuid,
  c_tinyint: -128,
  c_uuid: types.Uuid.fromString('550e8400-e29b-41d4-a716-446655440000'),
  c_varint: types.Integer.fromString('170141183460469231731687303715884105728'),
  c_list: [3, 1, 2],
  c_set: ['a', 'b'],
  c_map: { one: 1, two: 2 },
  c_frozen: [9, 8],
  c_tuple: new types.Tuple(7, 'seven'),
  c_address: { street: 'Main', number: 5, tags: ['x', 'y'] },
  c_frozen_address: { street: 'Side', number: null, tags: null },
};
const columns = Object.keys(row);
const insert = `INSERT INTO all_types (${columns.join(', ')}) VALUES (${columns.map(() => '?').join(', ')})`;
await client.execute(insert, Object.values(row), { prepare: true });
const got = (await client.execute('SELECT * FROM all_types WHERE id = ?', [1], { prepare: true })).first();
for (const column of columns) {
  const value: unknown = got.get(column);
  const text = (x: unknown): string => (x instanceof Date ? x.toISOString() : JSON.stringify(x));
  assert.equal(text(value), text(row[column]), column);
}

await client.execute('CREATE TABLE rows (p int, c int, v text, s text static, PRIMARY KEY (p, c))');
const insertRow = 'INSERT INTO rows (p, c, v) VALUES (?, ?, ?)';
for (let start = 0; start < 10_000; start += 500) {
  await Promise.all(
    Array.from({ length: 500 }, (_, i) =>
      client.execute(insertRow, [(start + i) % 10, start + i, `value ${start + i}`], { prepare: true }),
    ),
  );
}
let pages = 0;
let seen = 0;
let pageState: string | undefined;
do {
  const page = await client.execute('SELECT p, c, v FROM rows', [], {
    prepare: true,
    fetchSize: 777,
    ...(pageState === undefined ? {} : { pageState }),
  });
  for (const each of page.rows) assert.equal(each.get('v'), `value ${each.get('c')}`);
  seen += page.rowLength;
  pages++;
  pageState = page.pageState ?? undefined;
} while (pageState !== undefined);
assert.equal(seen, 10_000);
assert.ok(pages >= 13, `${pages} pages`);
const descending = await client.execute('SELECT c FROM rows WHERE p = 3 ORDER BY c DESC LIMIT 3', [], {
  prepare: true,
});
assert.deepEqual(
  descending.rows.map((each) => each.get('c')),
  [9993, 9983, 9973],
);

await client.batch(
  [
    { query: insertRow, params: [100, 1, 'batched'] },
    { query: 'UPDATE rows SET s = ? WHERE p = ?', params: ['static', 100] },
    { query: 'DELETE FROM rows WHERE p = ? AND c = ?', params: [3, 9993] },
  ],
  { prepare: true, logged: true },
);
const batched = await client.execute('SELECT s, v FROM rows WHERE p = 100', [], { prepare: true });
assert.equal(batched.first().get('s'), 'static');
assert.equal(
  (await client.execute('SELECT count(*) FROM rows WHERE p = 3', [], { prepare: true }))
    .first()
    .get('count')
    .toNumber(),
  999,
);

const cas = 'INSERT INTO rows (p, c, v) VALUES (?, ?, ?) IF NOT EXISTS';
assert.equal((await client.execute(cas, [200, 1, 'first'], { prepare: true })).wasApplied(), true);
const second = await client.execute(cas, [200, 1, 'second'], { prepare: true });
assert.equal(second.wasApplied(), false);
assert.equal(second.first().get('v'), 'first');
const update = 'UPDATE rows SET v = ? WHERE p = ? AND c = ? IF v = ?';
assert.equal((await client.execute(update, ['third', 200, 1, 'first'], { prepare: true })).wasApplied(), true);

await assert.rejects(client.execute('SELECT * FROM nothing_here'), /unconfigured table|nothing_here/);
const metadata = await client.metadata.getTable('interop_node', 'all_types');
assert.equal(metadata.columns.length, columns.length);
await client.execute('DROP KEYSPACE interop_node');
await client.shutdown();
process.stdout.write('node cassandra-driver: ok\n');
