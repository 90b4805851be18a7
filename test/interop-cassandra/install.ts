import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { delimiter, join } from 'node:path';
import type { CassandraVersion } from './cassandra-versions.ts';

/** A package cannot be had because no registry answers. */
export class NoNetworkError extends Error {}

const NO_NETWORK =
  /UnknownHost|Unknown host|Could not resolve|Temporary failure|unreachable|Connection (refused|timed out|reset)|connect timed out|Failed to fetch/i;
const DEPENDENCY_PLUGIN = 'org.apache.maven.plugins:maven-dependency-plugin:3.8.1';
const JDK = 'openjdk-17';

function run(command: string, args: readonly string[], cwd: string, what: string): string {
  const result = spawnSync(command, args, { cwd, encoding: 'utf8', timeout: 590_000, maxBuffer: 1 << 28 });
  if (result.error !== undefined) throw new Error(`${what}: ${result.error.message}`);
  if (result.status === 0) return result.stdout + result.stderr;
  const text = `${what}: ${command} ended with ${result.status ?? result.signal}\n${result.stdout}\n${result.stderr}`;
  throw NO_NETWORK.test(text) ? new NoNetworkError(text) : new Error(text);
}

/**
 * The `bin` of a JDK that all Cassandra versions run on, 11 to 17: the one that is installed, or Debian's, unpacked under the
 * cache.
 */
export function installJdk(cache: string): string {
  const candidates = [process.env.JAVA_HOME === undefined ? '' : join(process.env.JAVA_HOME, 'bin')];
  for (const bin of [...candidates, ...(process.env.PATH ?? '').split(delimiter)]) {
    if (bin === '' || !existsSync(join(bin, 'javac'))) continue;
    const major = /version "(\d+)/.exec(run(join(bin, 'java'), ['-version'], cache, 'java -version'))?.[1];
    if (Number(major) >= 11 && Number(major) <= 17) return bin;
  }
  const unpacked = join(cache, JDK);
  if (!existsSync(unpacked)) {
    const packages = join(cache, `${JDK}-packages`);
    rmSync(packages, { recursive: true, force: true });
    mkdirSync(packages);
    run('apt-get', ['download', `${JDK}-jre-headless`, `${JDK}-jdk-headless`], packages, 'downloading a JDK');
    for (const name of readdirSync(packages).filter((file) => file.endsWith('.deb'))) {
      run('dpkg-deb', ['-x', name, join(packages, 'root')], packages, 'unpacking a JDK');
    }
    relinkConfiguration(join(packages, 'root'), join(packages, 'root'), unpacked);
    renameSync(join(packages, 'root'), unpacked);
  }
  const [home] = readdirSync(join(unpacked, 'usr/lib/jvm')).filter((name) => name.startsWith('java-17'));
  return join(unpacked, 'usr/lib/jvm', home!, 'bin');
}

/** Debian's JDK has its configuration in /etc: its links are made to lead into the unpacked packages. */
function relinkConfiguration(directory: string, root: string, finalRoot: string): void {
  for (const name of readdirSync(directory)) {
    const path = join(directory, name);
    const status = lstatSync(path);
    if (status.isDirectory()) relinkConfiguration(path, root, finalRoot);
    if (!status.isSymbolicLink()) continue;
    const target = readlinkSync(path);
    if (!target.startsWith('/etc/') || !existsSync(join(root, target))) continue;
    rmSync(path);
    symlinkSync(join(finalRoot, target), path);
  }
}

/**
 * Directory of the version's jars, from Maven Central by Maven, into the cache when they are not there.
 * @throws Error when they are not the jars that were pinned
 */
export function installJars(cassandra: CassandraVersion, cache: string): string {
  const home = join(cache, cassandra.version);
  const jars = join(home, 'jars');
  if (!existsSync(jars)) {
    rmSync(home, { recursive: true, force: true });
    mkdirSync(home, { recursive: true });
    const artifacts = [`org.apache.cassandra:cassandra-all:${cassandra.version}`, ...cassandra.furtherArtifacts];
    writeFileSync(join(home, 'pom.xml'), pom(artifacts));
    const goal = `${DEPENDENCY_PLUGIN}:copy-dependencies`;
    const staged = `${jars}.new`;
    run('mvn', ['-B', '-q', '-C', goal, `-DoutputDirectory=${staged}`], home, `fetching ${artifacts[0]}`);
    renameSync(staged, jars);
  }
  const digest = createHash('sha256');
  for (const name of readdirSync(jars).sort()) {
    digest.update(
      `${name} ${createHash('sha256')
        .update(readFileSync(join(jars, name)))
        .digest('hex')}\n`,
    );
  }
  const found = digest.digest('hex');
  if (found !== cassandra.jarsDigest) {
    throw new Error(`${jars}: not the jars that were pinned: ${found} instead of ${cassandra.jarsDigest}`);
  }
  return jars;
}

function pom(artifacts: readonly string[]): string {
  const dependencies = artifacts.map((artifact) => {
    const [group, name, version] = artifact.split(':');
    return `<dependency><groupId>${group}</groupId><artifactId>${name}</artifactId><version>${version}</version></dependency>`;
  });
  return `<project xmlns="http://maven.apache.org/POM/4.0.0"><modelVersion>4.0.0</modelVersion>
<groupId>tessera</groupId><artifactId>interop</artifactId><version>1</version>
<dependencies>${dependencies.join('\n')}</dependencies></project>\n`;
}
