import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { startNode } from '../support/start-node.ts';
import { checkCqlsh } from './cqlsh.ts';

/**
 * `npm run interop`: unmodified drivers and cqlsh against a started node. Installs what it needs under .cache/interop:
 * Python packages by pip into a virtual environment, gocql as a Go module. Versions are pinned here and in gocql/go.mod.
 */
const DRIVER_PACKAGES = ['cassandra-driver==3.30.1'];
/** ScyllaDB's cqlsh and its fork of the driver: they have the driver's module name, so they need an environment of their own. */
const CQLSH_PACKAGES = ['scylla-cqlsh==6.0.40', 'scylla-driver==3.29.12'];

const root = resolve(import.meta.dirname, '../..');
const cache = join(root, '.cache/interop');
mkdirSync(cache, { recursive: true });

function run(command: string, args: readonly string[], what: string, cwd = root): void {
  const result = spawnSync(command, args, { cwd, stdio: ['ignore', 'inherit', 'inherit'], timeout: 600_000 });
  if (result.error !== undefined) throw new Error(`${what}: ${result.error.message}`);
  if (result.status !== 0) throw new Error(`${what}: ${command} ended with ${result.status ?? result.signal}`);
}

/** A virtual environment with the given packages; made once. Returns its `bin`. */
function pythonEnvironment(name: string, packages: readonly string[], program: string): string {
  const bin = join(cache, name, 'bin');
  if (!existsSync(join(bin, program))) {
    run('python3', ['-m', 'venv', join(cache, name)], 'making a Python environment');
    const pip = ['install', '--quiet', '--disable-pip-version-check', ...packages];
    run(join(bin, 'pip'), pip, `installing ${packages.join(', ')}`);
  }
  return bin;
}
const drivers = pythonEnvironment('drivers', DRIVER_PACKAGES, 'geomet');
const cqlsh = pythonEnvironment('cqlsh', CQLSH_PACKAGES, 'cqlsh');
const gocql = join(cache, 'gocql');
run('go', ['build', '-o', gocql, '.'], 'building the gocql program', join(root, 'test/interop/gocql'));

const node = await startNode({ shards: 2 });
try {
  const host = node.ready.cql.address;
  const port = String(node.ready.cql.port);
  run(process.execPath, ['test/interop/node-driver.ts', host, port], 'node cassandra-driver');
  run(join(drivers, 'python'), ['test/interop/python_driver.py', host, port], 'python cassandra-driver');
  run(
    join(drivers, 'python'),
    ['test/interop/python_driver.py', host, port, '3'],
    'python cassandra-driver, protocol 3',
  );
  run(join(cqlsh, 'python'), ['test/interop/python_driver.py', host, port], "ScyllaDB's python driver");
  run(gocql, [host, port], 'gocql');
  checkCqlsh(join(cqlsh, 'cqlsh'), host, node.ready.cql.port);
} catch (error) {
  process.stderr.write(`${node.log().split('\n').slice(-60).join('\n')}\n`);
  throw error;
} finally {
  await node.stop();
}
process.stdout.write('interop: all ok\n');
