// gocql against a started node: every type by prepared statement, paging, batches, LWT, schema metadata.
// Usage: gocql HOST PORT
package main

import (
	"fmt"
	"math/big"
	"net"
	"os"
	"reflect"
	"strconv"
	"time"

	"github.com/gocql/gocql"
	"gopkg.in/inf.v0"
)

func must(err error, what string) {
	if err != nil {
		fmt.Fprintf(os.Stderr, "gocql: %s: %v\n", what, err)
		os.Exit(1)
	}
}

func check(ok bool, format string, arguments ...any) {
	if !ok {
		fmt.Fprintf(os.Stderr, "gocql: "+format+"\n", arguments...)
		os.Exit(1)
	}
}

func connect(host string, port int, keyspace string) *gocql.Session {
	cluster := gocql.NewCluster(host)
	cluster.Port = port
	cluster.Keyspace = keyspace
	cluster.Consistency = gocql.Quorum
	cluster.Timeout = 10 * time.Second
	session, err := cluster.CreateSession()
	must(err, "connect")
	return session
}

func main() {
	port, err := strconv.Atoi(os.Args[2])
	must(err, "port")
	session := connect(os.Args[1], port, "")
	must(session.Query("DROP KEYSPACE IF EXISTS interop_go").Exec(), "drop")
	must(session.Query("CREATE KEYSPACE interop_go WITH replication = {'class': 'NetworkTopologyStrategy', 'datacenter1': 1}").Exec(), "create keyspace")
	session.Close()
	session = connect(os.Args[1], port, "interop_go")
	defer session.Close()

	must(session.Query(`CREATE TABLE all_types (
		id int PRIMARY KEY, c_ascii ascii, c_bigint bigint, c_blob blob, c_boolean boolean, c_date date, c_decimal decimal,
		c_double double, c_duration duration, c_float float, c_inet inet, c_smallint smallint, c_text text, c_time time,
		c_timestamp timestamp, c_timeuuid timeuuid, c_tinyint tinyint, c_uuid uuid, c_varint varint, c_list list<int>,
		c_set set<text>, c_map map<text, int>)`).Exec(), "create table")
	now := time.UnixMilli(1795226400123).UTC()
	identifier, _ := gocql.ParseUUID("550e8400-e29b-41d4-a716-446655440000")
	large := new(big.Int).Lsh(big.NewInt(1), 127)
	price := inf.NewDec(-123456789, 4)
	moment := gocql.UUIDFromTime(now)
	duration := gocql.Duration{Months: 14, Days: 3, Nanoseconds: 14706007000000}
	must(session.Query(`INSERT INTO all_types (id, c_ascii, c_bigint, c_blob, c_boolean, c_date, c_decimal, c_double, c_duration, c_float, c_inet,
		c_smallint, c_text, c_time, c_timestamp, c_timeuuid, c_tinyint, c_uuid, c_varint, c_list, c_set, c_map)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
		1, "plain", int64(-1<<63), []byte{0, 255, 128}, true, now, price, 3.25, duration, float32(1.5), net.ParseIP("2001:db8::1"),
		int16(-32768), "zażółć", 23*time.Hour, now, moment, int8(-128), identifier, large, []int{3, 1, 2}, []string{"a", "b"},
		map[string]int{"one": 1}).Exec(), "insert all types")
	var (
		text    string
		long    int64
		blob    []byte
		when    time.Time
		decimal *inf.Dec
		span    gocql.Duration
		address net.IP
		varint  *big.Int
		list    []int
		set     []string
		mapping map[string]int
	)
	must(session.Query("SELECT c_text, c_bigint, c_blob, c_timestamp, c_decimal, c_duration, c_inet, c_varint, c_list, c_set, c_map FROM all_types WHERE id = ?", 1).
		Scan(&text, &long, &blob, &when, &decimal, &span, &address, &varint, &list, &set, &mapping), "select all types")
	check(text == "zażółć" && long == -1<<63 && reflect.DeepEqual(blob, []byte{0, 255, 128}), "text, bigint or blob differ")
	check(when.Equal(now) && decimal.Cmp(price) == 0 && span == duration, "timestamp, decimal or duration differ")
	check(address.Equal(net.ParseIP("2001:db8::1")) && varint.Cmp(large) == 0, "inet or varint differ")
	check(reflect.DeepEqual(list, []int{3, 1, 2}) && reflect.DeepEqual(set, []string{"a", "b"}) && mapping["one"] == 1, "collections differ")

	must(session.Query("CREATE TABLE rows (p int, c int, v text, PRIMARY KEY (p, c))").Exec(), "create rows")
	for i := 0; i < 10000; i++ {
		must(session.Query("INSERT INTO rows (p, c, v) VALUES (?, ?, ?)", i%10, i, fmt.Sprintf("value %d", i)).Exec(), "insert row")
	}
	iterator := session.Query("SELECT c, v FROM rows").PageSize(777).Iter()
	count, c, v := 0, 0, ""
	for iterator.Scan(&c, &v) {
		check(v == fmt.Sprintf("value %d", c), "row %d has %q", c, v)
		count++
	}
	must(iterator.Close(), "scan")
	check(count == 10000, "%d rows instead of 10000", count)

	batch := session.NewBatch(gocql.LoggedBatch)
	batch.Query("INSERT INTO rows (p, c, v) VALUES (?, ?, ?)", 100, 1, "batched")
	batch.Query("DELETE FROM rows WHERE p = ? AND c = ?", 3, 9993)
	must(session.ExecuteBatch(batch), "batch")
	must(session.Query("SELECT count(*) FROM rows WHERE p = 3").Scan(&count), "count")
	check(count == 999, "%d rows after the batch", count)

	previous := map[string]any{}
	applied, err := session.Query("INSERT INTO rows (p, c, v) VALUES (200, 1, 'first') IF NOT EXISTS").MapScanCAS(previous)
	must(err, "first cas")
	check(applied, "the first conditional insert was not applied")
	previous = map[string]any{}
	applied, err = session.Query("INSERT INTO rows (p, c, v) VALUES (200, 1, 'second') IF NOT EXISTS").MapScanCAS(previous)
	must(err, "second cas")
	check(!applied && previous["v"] == "first", "the second conditional insert: applied %v, previous %v", applied, previous)

	metadata, err := session.KeyspaceMetadata("interop_go")
	must(err, "metadata")
	check(len(metadata.Tables["rows"].Columns) == 3, "metadata of rows: %v", metadata.Tables["rows"])
	must(session.Query("DROP KEYSPACE interop_go").Exec(), "drop at the end")
	fmt.Println("gocql: ok")
}
