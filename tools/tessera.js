#!/usr/bin/env node
// Starts Tessera on Node 26: in this process when it is one, else in the binary that npm brought along with the
// package. Plain JavaScript, because the Node that runs it may not know TypeScript. Signals and the exit code pass through.
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { availableParallelism, constants, tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

// The pool that serves the files of all threads takes its size when it is first used, which loading a module is: a slow sync
// must not queue behind reads.
process.env.UV_THREADPOOL_SIZE ??= String(4 + 2 * Math.min(8, availableParallelism()));

const NEEDED_MAJOR = 26;
const here = dirname(fileURLToPath(import.meta.url));
// In a checkout the sources run as they are; an installed package has them compiled, as Node refuses .ts there.
const source = join(here, 'cli.ts');
const compiled = join(here, '..', 'dist', 'tools', 'cli.js');
const program = existsSync(source) ? source : compiled;

/** The Node binary of the per-platform package, or undefined when npm did not install one for this platform. */
function bundledNode() {
  const require = createRequire(import.meta.url);
  const platform = process.platform === 'win32' ? 'win' : process.platform;
  for (const name of [`node-${platform}-${process.arch}`, `node-bin-${platform}-${process.arch}`]) {
    try {
      const root = dirname(require.resolve(`${name}/package.json`));
      const binary = join(root, 'bin', process.platform === 'win32' ? 'node.exe' : 'node');
      if (existsSync(binary)) return binary;
    } catch (error) {
      if (error.code !== 'MODULE_NOT_FOUND') throw error;
    }
  }
  return undefined;
}

if (Number.parseInt(process.versions.node, 10) >= NEEDED_MAJOR) {
  if (process.channel !== undefined) {
    process.channel.unref();
    // The launcher was killed: to the outside it and this process are one, so this one ends as abruptly.
    process.once('disconnect', () => process.kill(process.pid, 'SIGKILL'));
  }
  // By the environment rather than by a call: each thread reads it for itself.
  process.env.NODE_COMPILE_CACHE ??= join(tmpdir(), 'node-compile-cache');
  const { enableCompileCache } = await import('node:module');
  enableCompileCache();
  const { main } = await import(program);
  await main(process.argv.slice(2));
} else {
  const binary = bundledNode();
  if (binary === undefined) {
    process.stderr.write(
      `tessera needs Node ${NEEDED_MAJOR}; this is ${process.version}, and npm installed no binary for ${process.platform}-${process.arch}.\n` +
        `Install Node ${NEEDED_MAJOR}, or run \`npm install\` again with optional dependencies.\n`,
    );
    process.exit(2);
  }
  // The channel carries nothing: its end tells the child that this process is gone, however it ended.
  // By the name it was called by, which may be a link's.
  const child = spawn(binary, [process.argv[1] ?? fileURLToPath(import.meta.url), ...process.argv.slice(2)], {
    stdio: ['inherit', 'inherit', 'inherit', 'ipc'],
  });
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGUSR2']) {
    process.on(signal, () => {
      // A terminal gives its interrupt to both processes; the child must not count it twice.
      if (signal !== 'SIGINT' || !process.stdin.isTTY) child.kill(signal);
    });
  }
  child.on('error', (error) => {
    process.stderr.write(`cannot start ${binary}: ${error.message}\n`);
    process.exit(1);
  });
  child.on('exit', (code, signal) => process.exit(signal === null ? code : 128 + constants.signals[signal]));
}
