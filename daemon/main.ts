import { mkdirSync } from 'node:fs';
import { AssertionError } from '../core/assert.ts';
import { CorruptFileError, TesseraError, UnsupportedFormatError } from '../core/errors.ts';
import { LogLevel } from '../core/ports/log.ts';
import { resolveOwnModulesDirectly } from '../shards/host/own-modules.ts';
import { ShardThreads } from '../shards/start.ts';
import { ConfigError, loadConfig, type NodeConfig } from './config.ts';
import { ExitCode } from './exit-code.ts';
import { LogWriter, parseLogLevels } from './log-writer.ts';
import { NodeLock, WorkdirBusyError } from './node-lock.ts';
import { AddressError } from './port-check.ts';
import { handleSignals } from './signals.ts';

/**
 * `tessera node`: runs a node until it is told to stop. Returns the exit code (tools §1.3).
 * @param args the options, without the sub-command
 */
export async function runNode(args: readonly string[]): Promise<number> {
  const startedMs = Date.now() - performance.now(); // when the process started: what start time counts from
  const levels = parseLogLevels(process.env.TESSERA_LOG);
  let config: NodeConfig;
  try {
    config = await loadConfig(args, process.env);
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    process.stderr.write(`tessera node: ${error.message}\n`);
    return ExitCode.Usage;
  }
  const log = new LogWriter(levels, config.text('log_to') === 'json', (line) => process.stderr.write(line));
  for (const warning of config.warnings) log.line(LogLevel.Warn, 'main', 'config', warning);
  for (const word of levels.unknown) log.line(LogLevel.Warn, 'main', 'config', `TESSERA_LOG: '${word}' is no level`);
  let lock: NodeLock | undefined;
  let threads: ShardThreads | undefined;
  try {
    mkdirSync(config.workdir, { recursive: true });
    lock = new NodeLock(config.workdir);
    // From here on the shards load their modules beside this thread, which loads the rest of its own.
    threads = new ShardThreads(config.shardCount);
    resolveOwnModulesDirectly();
    const { Node } = await import('./node.ts');
    const node = new Node(config, log, startedMs, threads, () => loadConfig(args, process.env, 'warned'));
    const signals = handleSignals(node, log);
    try {
      await node.start();
    } catch (error) {
      // A signal during the start ends what the start waits for.
      const code = node.isStopping ? await signals.done : report(error, log);
      await node.abandon();
      return code;
    }
    return await signals.done;
  } catch (error) {
    return report(error, log);
  } finally {
    await threads?.stop();
    lock?.release();
  }
}

/** Says what kept the node from starting, and what to do. */
function report(error: unknown, log: LogWriter): number {
  const message = error instanceof Error ? error.message : String(error);
  log.line(LogLevel.Error, 'main', 'init', `startup failed: ${message}`);
  if (error instanceof WorkdirBusyError || error instanceof AddressError || error instanceof ConfigError) {
    return ExitCode.Usage;
  }
  if (error instanceof CorruptFileError || error instanceof UnsupportedFormatError) {
    if (message.includes('commitlog')) {
      const hint = 'start with --commitlog-skip-damaged to go on without what the damaged place held';
      log.line(LogLevel.Error, 'main', 'init', hint);
    }
    return ExitCode.Corrupt;
  }
  if (error instanceof AssertionError || !(error instanceof TesseraError || isSystemError(error))) {
    log.line(LogLevel.Error, 'main', 'init', error instanceof Error ? (error.stack ?? '') : '');
    return ExitCode.Assertion;
  }
  return ExitCode.Failed;
}

function isSystemError(error: unknown): boolean {
  return error instanceof Error && typeof (error as NodeJS.ErrnoException).code === 'string';
}
