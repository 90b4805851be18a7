import { ConfigSource, loadConfig, type NodeConfig } from '../../daemon/config.ts';
import { ExitCode } from '../../daemon/exit-code.ts';
import { suggestion } from '../../daemon/near-names.ts';
import { defaultsFile, yamlValue } from './config-document.ts';
import { parseOptions, UsageError } from './parse-options.ts';
import type { TextOutput } from './text-output.ts';
import { withExitCode } from './with-exit-code.ts';

const USAGE = `usage: tessera config check FILE   is this a configuration file? 0: yes, 2: no
       tessera config defaults     every key with its default and meaning
       tessera config diff FILE    what the file changes; 0: nothing, 4: something`;
const OPERATIONS = ['check', 'defaults', 'diff'];

/** `tessera config`. @returns the exit code */
export function configCommand(args: readonly string[], out: TextOutput): Promise<ExitCode> {
  return withExitCode(out, async () => {
    const { values, positionals } = parseOptions({
      args: [...args],
      allowPositionals: true,
      options: { help: { type: 'boolean', short: 'h', default: false } },
    });
    const [operation, ...files] = positionals;
    if (values.help || operation === 'help') {
      out.line(USAGE);
      return ExitCode.Done;
    }
    if (operation === undefined) throw new UsageError(USAGE);
    if (!OPERATIONS.includes(operation)) {
      throw new UsageError(`config ${operation}: unknown operation${suggestion(operation, OPERATIONS)}`);
    }
    if (operation === 'defaults') {
      if (files.length > 0) throw new UsageError('config defaults takes no FILE');
      out.write(defaultsFile());
      return ExitCode.Done;
    }
    if (files.length !== 1) throw new UsageError(`config ${operation} takes one FILE`);
    const config = await loadConfig(['--config-file', files[0]!], {});
    for (const warning of config.warnings) out.error(`warning: ${warning}`);
    return operation === 'check' ? tellValid(config, files[0]!, out) : tellChanges(config, out);
  });
}

function tellValid(config: NodeConfig, path: string, out: TextOutput): ExitCode {
  const given = [...config.values.values()].filter(({ source }) => source === ConfigSource.File).length;
  out.line(`${path}: valid, sets ${given} key${given === 1 ? '' : 's'}`);
  return ExitCode.Done;
}

function tellChanges(config: NodeConfig, out: TextOutput): ExitCode {
  let code: ExitCode = ExitCode.Done;
  for (const { key, text, source } of config.values.values()) {
    if (source !== ConfigSource.File || text === key.default) continue;
    code = ExitCode.Different;
    const instead = key.default === '' ? 'nothing' : yamlValue(key, key.default);
    out.line(`${key.name}: ${yamlValue(key, text)} # default: ${instead}`);
  }
  return code;
}
