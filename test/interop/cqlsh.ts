import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';

/** Python's cqlsh against a started node: statements, paging, client-side DESCRIBE, COPY. */
export function checkCqlsh(cqlsh: string, host: string, port: number): void {
  const run = (statements: string): string => {
    const result = spawnSync(cqlsh, [host, String(port), '--no-color', '-e', statements], {
      encoding: 'utf8',
      timeout: 120_000,
      env: { ...process.env, CQLSH_NO_BUNDLED: '1' },
    });
    assert.equal(result.status, 0, `cqlsh ended with ${result.status}: ${result.stderr}\n${result.stdout}`);
    return result.stdout;
  };
  run('DROP KEYSPACE IF EXISTS interop_cqlsh');
  run(
    "CREATE KEYSPACE interop_cqlsh WITH replication = {'class': 'NetworkTopologyStrategy', 'datacenter1': 1}; " +
      'USE interop_cqlsh; CREATE TYPE address (street text, number int); ' +
      'CREATE TABLE people (id int, seen timestamp, name text, scores map<text, int>, home frozen<address>, fixed text static, ' +
      'PRIMARY KEY (id, seen)) WITH CLUSTERING ORDER BY (seen DESC)',
  );
  run(
    "INSERT INTO interop_cqlsh.people (id, seen, name, scores, home) VALUES (1, '2026-11-21 02:00:00+0000', 'Ada', {'x': 1}, {street: 'Main', number: 5})",
  );
  const selected = run('SELECT id, name, scores, home FROM interop_cqlsh.people');
  assert.match(selected, /1 \|\s+Ada \| \{'x': 1\} \| \{street: 'Main', number: 5\}/);
  assert.match(selected, /\(1 rows\)/);
  const described = run('DESCRIBE KEYSPACE interop_cqlsh');
  assert.match(described, /CREATE TYPE interop_cqlsh\.address/);
  assert.match(described, /CREATE TABLE interop_cqlsh\.people/);
  assert.match(described, /CLUSTERING ORDER BY \(seen DESC\)/);
  // What cqlsh describes can be executed again.
  const table = described.slice(described.indexOf('CREATE TABLE')).split(';')[0]!;
  run(`DROP TABLE interop_cqlsh.people; ${table}`);
  assert.match(run('DESCRIBE TABLES'), /interop_cqlsh/);
  assert.match(run('DESCRIBE CLUSTER'), /Murmur3Partitioner/);
  assert.match(run('CONSISTENCY LOCAL_QUORUM; SELECT release_version FROM system.local'), /3\.0\.8/);
  run('DROP KEYSPACE interop_cqlsh');
  process.stdout.write('cqlsh: ok\n');
}
