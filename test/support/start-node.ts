import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import type { ReadyFacts } from '../../daemon/ready.ts';

const LAUNCHER = resolve(import.meta.dirname, '../../tools/tessera.js');

/** A node that neither gets ready nor ends is killed after this. */
const START_LIMIT_MS = 120_000;

export interface NodeOptions {
  /** Kept after `stop`; a fresh temporary one that is removed if absent. */
  readonly workdir?: string;
  readonly shards?: number;
  /** Further command-line arguments. */
  readonly args?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** The Node binary; by default the one that runs this. */
  readonly node?: string;
}

/** A node in its own process. Everything it wrote to stderr is kept for messages. */
export class RunningNode {
  readonly ready: ReadyFacts;
  readonly workdir: string;
  readonly process: ChildProcess;
  readonly #log: string[];
  readonly #ownsWorkdir: boolean;
  readonly #exited: Promise<number>;

  constructor(
    ready: ReadyFacts,
    workdir: string,
    process: ChildProcess,
    log: string[],
    ownsWorkdir: boolean,
    exited: Promise<number>,
  ) {
    this.ready = ready;
    this.workdir = workdir;
    this.process = process;
    this.#log = log;
    this.#ownsWorkdir = ownsWorkdir;
    this.#exited = exited;
  }

  log(): string {
    return this.#log.join('');
  }

  /** SIGTERM, and wait for the end. Returns the exit code. */
  async stop(): Promise<number> {
    this.process.kill('SIGTERM');
    return this.#end();
  }

  /** SIGKILL, and wait for the end. */
  async kill(): Promise<void> {
    this.process.kill('SIGKILL');
    await this.#end();
  }

  /** Waits for the process to end by itself. */
  exited(): Promise<number> {
    return this.#exited;
  }

  async #end(): Promise<number> {
    const code = await this.#exited;
    if (this.#ownsWorkdir) rmSync(this.workdir, { recursive: true, force: true });
    return code;
  }
}

/** Starts a node on free ports of 127.0.0.1 and waits for its ready line. Rejects with its log when it ends before. */
export async function startNode(options: NodeOptions = {}): Promise<RunningNode> {
  const workdir = options.workdir ?? mkdtempSync(join(tmpdir(), 'tessera-test-'));
  const child = spawn(
    options.node ?? process.execPath,
    [
      LAUNCHER,
      'node',
      '--workdir',
      workdir,
      '--listen-address',
      '127.0.0.1',
      '--rpc-address',
      '127.0.0.1',
      '--native-transport-port',
      '0',
      '--smp',
      String(options.shards ?? 2),
      '--print-ready',
      ...(options.args ?? []),
    ],
    { stdio: ['ignore', 'pipe', 'pipe'], env: { ...process.env, ...options.env } },
  );
  const log: string[] = [];
  child.stderr.setEncoding('utf8');
  child.stderr.on('data', (text: string) => {
    log.push(text);
    if (log.length > 10_000) log.splice(0, 5_000);
  });
  const exited = new Promise<number>((done) => {
    child.once('exit', (code, signal) => done(code ?? (signal === 'SIGKILL' ? 137 : 143)));
  });
  const lines = createInterface({ input: child.stdout });
  const limit = setTimeout(() => child.kill('SIGKILL'), START_LIMIT_MS);
  const ready = await new Promise<ReadyFacts>((found, failed) => {
    lines.once('line', (line) => found(JSON.parse(line) as ReadyFacts));
    void exited.then((code) => {
      clearTimeout(limit);
      if (options.workdir === undefined) rmSync(workdir, { recursive: true, force: true });
      failed(new Error(`the node ended with code ${code} before it was ready:\n${log.join('')}`));
    });
  });
  clearTimeout(limit);
  return new RunningNode(ready, workdir, child, log, options.workdir === undefined, exited);
}
