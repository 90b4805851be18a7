import { LogLevel } from '../core/ports/log.ts';
import { ExitCode } from './exit-code.ts';
import type { LogWriter } from './log-writer.ts';
import type { Node } from './node.ts';

/** Resolves with the exit code when the node has stopped. */
export interface SignalHandling {
  readonly done: Promise<number>;
}

/** What a node does on signals (tools §1.4). */
export function handleSignals(node: Node, log: LogWriter): SignalHandling {
  let isStopping = false;
  const done = new Promise<number>((finished) => {
    const stop = (signal: 'SIGTERM' | 'SIGINT', impatient: ExitCode): void => {
      if (isStopping) {
        log.line(LogLevel.Warn, 'main', 'init', `second ${signal}: stopping without a flush`);
        const exit = (): never => process.exit(impatient);
        node.stopAtOnce().then(exit, exit);
        return;
      }
      isStopping = true;
      log.line(LogLevel.Info, 'main', 'init', `${signal}: draining`);
      node.stop().then(
        () => finished(ExitCode.Done),
        (error: unknown) => {
          log.line(LogLevel.Error, 'main', 'init', `the drain failed: ${String(error)}`);
          finished(ExitCode.Failed);
        },
      );
    };
    process.on('SIGTERM', () => stop('SIGTERM', ExitCode.Terminated));
    process.on('SIGINT', () => stop('SIGINT', ExitCode.Interrupted));
    process.on('SIGHUP', () => void node.reload());
    process.on('SIGUSR2', () => node.writeDiagnostics());
  });
  return { done };
}
