import { type ChildProcess, spawn } from 'node:child_process';
import { resolve } from 'node:path';
import { createInterface } from 'node:readline';

const root: string = resolve(import.meta.dirname, '..');

/** A program of ours in its own process that listens on a port. */
export interface Child {
  readonly process: ChildProcess;
  readonly pid: number;
  readonly port: number;
  /** The line of JSON that it printed when it was ready. */
  readonly facts: Readonly<Record<string, unknown>>;
}

/** Starts a program and waits until it is ready. @throws Error when it ends before */
export async function startChild(args: readonly string[]): Promise<Child> {
  const child = spawn(process.execPath, args, { cwd: root, stdio: ['pipe', 'pipe', 'ignore'] });
  const line = await new Promise<string>((found, failed) => {
    createInterface({ input: child.stdout }).once('line', found);
    child.once('exit', (code) => failed(new Error(`${args.join(' ')} ended with ${code}`)));
  });
  const facts = JSON.parse(line) as Record<string, unknown>;
  const port = (facts.cql as { port: number } | undefined)?.port ?? (facts.port as number);
  return { process: child, pid: facts.pid as number, port, facts };
}

/** Starts a node on free ports. @param args beyond those */
export function startNodeChild(workdir: string, shards: number, ...args: readonly string[]): Promise<Child> {
  const program = ['tools/tessera.js', 'node', '--workdir', workdir, '--smp', String(shards)];
  return startChild([...program, '--native-transport-port', '0', '--print-ready', ...args]);
}

/** Ends a program and waits for that. */
export function stopChild({ process: child }: Child, signal: 'SIGTERM' | 'SIGKILL' = 'SIGTERM'): Promise<void> {
  return new Promise((done) => {
    child.once('exit', () => done());
    child.kill(signal);
  });
}

/** An address of the node's, from the line that it printed. */
export function portOf({ facts }: Child, listener: 'api' | 'metrics'): number {
  return (facts[listener] as { port: number }).port;
}
