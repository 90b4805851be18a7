import { basename } from 'node:path';
import { suggestion } from '../daemon/near-names.ts';
import { endWhenReaderLeaves, StandardOutput, type TextOutput } from './commands/text-output.ts';

/** Exit codes that this file gives by itself (tools §1.3); it loads nothing that a sub-command does not need. */
const USAGE_CODE = 2;
const BUG_CODE = 70;

interface Command {
  readonly name: string;
  readonly usage: string;
  readonly summary: string;
  /** Loads the command's code and runs it. Resolves with the exit code. */
  run(args: readonly string[], out: TextOutput): Promise<number>;
}

const COMMANDS: readonly Command[] = [
  {
    name: 'node',
    usage: 'node [options]',
    summary: 'run a node in the foreground; also `start`, or no command at all',
    run: async (args) => (await import('../daemon/main.ts')).runNode([...args]),
  },
  {
    name: 'sstable',
    usage: 'sstable OPERATION FILE...',
    summary: 'look into SSTables and make new ones of them: dump-data, validate, query, scrub and more',
    run: async (args, out) => (await import('./commands/sstable.ts')).sstableCommand(args, out),
  },
  {
    name: 'commitlog',
    usage: 'commitlog dump DIRECTORY',
    summary: 'the records of a commit log',
    run: async (args, out) => (await import('./commands/commitlog.ts')).commitlogCommand(args, out),
  },
  {
    name: 'config',
    usage: 'config check|defaults|diff',
    summary: 'judge a configuration file, print every key',
    run: async (args, out) => (await import('./commands/config.ts')).configCommand(args, out),
  },
  {
    name: 'bench',
    usage: 'bench WORKLOAD [options]',
    summary: 'put load on a node and measure',
    run: async (args, out) => (await import('./commands/bench.ts')).benchCommand(args, out),
  },
  {
    name: 'version',
    usage: 'version [--json]',
    summary: 'this program and what it runs on',
    run: async (args, out) => (await import('./commands/version.ts')).versionCommand(args, out),
  },
];

/** Commands that are planned and not there: refused by name, and not listed. */
const NOT_YET = 'dev shell raft nodetool backup export diff cluster cert passwd completions doctor link'.split(' ');

const OTHER_NAMES: ReadonlyMap<string, string> = new Map([
  ['start', 'node'],
  ['-V', 'version'],
  ['--version', 'version'],
]);

/** Programs of others that links to this one stand for, and the command that each is. */
const LINKS: ReadonlyMap<string, readonly string[]> = new Map([
  ['sstabledump', ['sstable', 'dump-data', '--format', 'sstabledump']],
  ['sstablemetadata', ['sstable', 'metadata']],
  ['sstableverify', ['sstable', 'verify']],
]);

/**
 * The `tessera` program. Sets `process.exitCode`.
 * @param argv arguments without the program
 * @param invokedAs path by which the program was started
 */
export async function main(argv: string[], invokedAs: string = process.argv[1] ?? ''): Promise<void> {
  const args = [...(LINKS.get(basename(invokedAs)) ?? []), ...argv];
  const [first = 'node', ...rest] = args;
  const isOption = first.startsWith('-') && !OTHER_NAMES.has(first) && first !== '-h' && first !== '--help';
  const name = isOption ? 'node' : (OTHER_NAMES.get(first) ?? first);
  const out = new StandardOutput();
  if (name !== 'node') endWhenReaderLeaves();
  try {
    process.exitCode = await run(name, isOption ? args : rest, out);
  } catch (error) {
    out.error(`this is a bug in tessera: ${error instanceof Error ? error.stack : String(error)}`);
    process.exitCode = BUG_CODE;
  }
}

async function run(name: string, args: readonly string[], out: TextOutput): Promise<number> {
  if (name === 'help' || name === '-h' || name === '--help') return help(args, out);
  const command = COMMANDS.find((candidate) => candidate.name === name);
  if (command !== undefined) return command.run(args, out);
  if (NOT_YET.includes(name)) {
    out.error(`tessera ${name}: not supported yet`);
  } else {
    const names = COMMANDS.map((candidate) => candidate.name);
    out.error(`tessera ${name}: unknown command${suggestion(name, names)}`);
  }
  return USAGE_CODE;
}

async function help([name]: readonly string[], out: TextOutput): Promise<number> {
  const command = COMMANDS.find((candidate) => candidate.name === name);
  if (command !== undefined && name !== 'node' && name !== 'version') return command.run(['--help'], out);
  const width = Math.max(...COMMANDS.map(({ usage }) => usage.length));
  const lines = COMMANDS.map(({ usage, summary }) => `  ${usage.padEnd(width)}  ${summary}`);
  out.line(
    `usage: tessera COMMAND\n\n${lines.join('\n')}\n\nOptions of \`node\`: \`tessera config defaults\` tells every one.`,
  );
  return 0;
}
