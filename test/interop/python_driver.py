"""The Python driver against a started node: every type by prepared statement, paging, batches, LWT, schema metadata.

Usage: python_driver.py HOST PORT [PROTOCOL_VERSION]
"""

import datetime
import decimal
import sys
import uuid

from cassandra import ConsistencyLevel, InvalidRequest
from cassandra.cluster import Cluster, ExecutionProfile, EXEC_PROFILE_DEFAULT
from cassandra.policies import WhiteListRoundRobinPolicy
from cassandra.query import BatchStatement, BatchType, SimpleStatement, dict_factory
from cassandra.util import Date, Duration, Time, uuid_from_time

host, port = sys.argv[1], int(sys.argv[2])
extra = {"protocol_version": int(sys.argv[3])} if len(sys.argv) > 3 else {}
profile = ExecutionProfile(
    load_balancing_policy=WhiteListRoundRobinPolicy([host]),
    row_factory=dict_factory,
    consistency_level=ConsistencyLevel.LOCAL_QUORUM,
)
cluster = Cluster([host], port=port, execution_profiles={EXEC_PROFILE_DEFAULT: profile}, **extra)
session = cluster.connect()

session.execute("DROP KEYSPACE IF EXISTS interop_python")
session.execute(
    "CREATE KEYSPACE interop_python WITH replication = {'class': 'NetworkTopologyStrategy', 'datacenter1': 1}"
)
session.set_keyspace("interop_python")
session.execute("CREATE TYPE address (street text, number int, tags frozen<set<text>>)")
session.execute(
    """CREATE TABLE all_types (
    id int PRIMARY KEY, c_ascii ascii, c_bigint bigint, c_blob blob, c_boolean boolean, c_date date, c_decimal decimal,
    c_double double, c_float float, c_inet inet, c_smallint smallint, c_text text, c_time time,
    c_timestamp timestamp, c_timeuuid timeuuid, c_tinyint tinyint, c_uuid uuid, c_varint varint, c_list list<int>,
    c_set set<text>, c_map map<text, int>, c_frozen frozen<list<int>>, c_tuple tuple<int, text>, c_duration duration)"""
)
now = datetime.datetime(2026, 11, 21, 2, 0, 0, 123000)
row = {
    "id": 1,
    "c_ascii": "plain",
    "c_bigint": -(2**63),
    "c_blob": b"\x00\xff\x80",
    "c_boolean": True,
    "c_date": Date(datetime.date(1969, 12, 31)),
    "c_decimal": decimal.Decimal("-12345.6789"),
    "c_double": 3.141592653589793,
    "c_float": 1.5,
    "c_inet": "2001:db8::1",
    "c_smallint": -32768,
    "c_text": "zażółć gęślą jaźń",
    "c_time": Time(86399999999999),
    "c_timestamp": now,
    "c_timeuuid": uuid_from_time(now),
    "c_tinyint": -128,
    "c_uuid": uuid.UUID("550e8400-e29b-41d4-a716-446655440000"),
    "c_varint": 2**127,
    "c_list": [3, 1, 2],
    "c_set": {"a", "b"},
    "c_map": {"one": 1, "two": 2},
    "c_frozen": [9, 8],
    "c_tuple": (7, "seven"),
    "c_duration": Duration(14, 3, 14706007000000),
}
insert = session.prepare(
    "INSERT INTO all_types (%s) VALUES (%s)" % (", ".join(row), ", ".join("?" for _ in row))
)
session.execute(insert, list(row.values()))
got = session.execute(session.prepare("SELECT * FROM all_types WHERE id = ?"), [1]).one()
for name, value in row.items():
    if name == "c_set":
        assert set(got[name]) == value, (name, got[name])
    elif name == "c_map":
        assert dict(got[name]) == value, (name, got[name])
    else:
        assert got[name] == value, (name, got[name], value)

session.execute("CREATE TABLE rows (p int, c int, v text, s text static, PRIMARY KEY (p, c))")
insert_row = session.prepare("INSERT INTO rows (p, c, v) VALUES (?, ?, ?)")
pending = []
for i in range(10000):
    pending.append(session.execute_async(insert_row, (i % 10, i, "value %d" % i)))
    if len(pending) == 500:
        for each in pending:
            each.result()
        pending = []
for each in pending:
    each.result()
scan = SimpleStatement("SELECT p, c, v FROM rows", fetch_size=777)
count = 0
for each in session.execute(scan):
    assert each["v"] == "value %d" % each["c"]
    count += 1
assert count == 10000, count
down = session.execute("SELECT c FROM rows WHERE p = 3 ORDER BY c DESC LIMIT 3")
assert [each["c"] for each in down] == [9993, 9983, 9973]

batch = BatchStatement(BatchType.LOGGED)
batch.add(insert_row, (100, 1, "batched"))
batch.add(SimpleStatement("UPDATE rows SET s = %s WHERE p = %s"), ("static", 100))
session.execute(batch)
assert session.execute("SELECT s, v FROM rows WHERE p = 100").one() == {"s": "static", "v": "batched"}
session.execute("BEGIN BATCH APPLY BATCH")

cas = session.prepare("INSERT INTO rows (p, c, v) VALUES (?, ?, ?) IF NOT EXISTS")
assert session.execute(cas, (200, 1, "first")).was_applied
second = session.execute(cas, (200, 1, "second"))
assert not second.was_applied
assert second.one()["v"] == "first"
assert session.execute("UPDATE rows SET v = 'third' WHERE p = 200 AND c = 1 IF v = 'first'").was_applied

try:
    session.execute("SELECT * FROM nothing_here")
    raise AssertionError("a missing table was read")
except InvalidRequest:
    pass
table = cluster.metadata.keyspaces["interop_python"].tables["all_types"]
assert len(table.columns) == len(row)
assert "PRIMARY KEY" in table.export_as_string()
session.execute("ALTER TABLE rows ADD extra int")
assert "extra" in cluster.metadata.keyspaces["interop_python"].tables["rows"].columns
session.execute("DROP KEYSPACE interop_python")
cluster.shutdown()
print("python cassandra-driver: ok")
