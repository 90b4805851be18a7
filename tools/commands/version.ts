import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { ExitCode } from '../../daemon/exit-code.ts';
import { parseOptions } from './parse-options.ts';
import type { TextOutput } from './text-output.ts';
import { withExitCode } from './with-exit-code.ts';

/** The version in package.json, which lies above the sources in a checkout and above dist/ in an installed package. */
export function packageVersion(): string {
  let directory = dirname(fileURLToPath(import.meta.url));
  for (;;) {
    try {
      const { version } = JSON.parse(readFileSync(join(directory, 'package.json'), 'utf8')) as { version: string };
      return version;
    } catch (error) {
      const parent = dirname(directory);
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT' || parent === directory) throw error;
      directory = parent;
    }
  }
}

/** `tessera version [--json]`. @returns the exit code */
export function versionCommand(args: readonly string[], out: TextOutput): Promise<ExitCode> {
  return withExitCode(out, () => {
    const { values } = parseOptions({ args: [...args], options: { json: { type: 'boolean', default: false } } });
    const version = packageVersion();
    const { node, v8 } = process.versions;
    const platform = `${process.platform}-${process.arch}`;
    if (values.json) out.line(JSON.stringify({ version, node, v8, platform }));
    else out.line(`tessera ${version} (Node ${node}, ${platform})`);
    return ExitCode.Done;
  });
}
