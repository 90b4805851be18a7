import { ExitCode } from '../../daemon/exit-code.ts';
import { NodeFiles } from '../../shards/host/node-files.ts';
import type { JsonText } from '../sstable/json-text.ts';
import { validateSSTable } from '../sstable/validate.ts';
import { validateChecksums } from '../sstable/validate-checksums.ts';
import { parseOptions } from './parse-options.ts';
import { eachAsJson, findSSTables } from './sstable-arguments.ts';
import type { TextOutput } from './text-output.ts';

/** The operations of `tessera sstable` that judge files. */

export async function validateCommand(args: readonly string[], out: TextOutput): Promise<ExitCode> {
  const { values, positionals } = parseOptions({
    args: [...args],
    allowPositionals: true,
    options: {
      quick: { type: 'boolean', default: false },
      // What these two ask for is done anyway.
      extended: { type: 'boolean', default: false },
      r: { type: 'boolean', short: 'r', default: false },
    },
  });
  const files = new NodeFiles();
  return eachAsJson(findSSTables(files, positionals, out), out, async (dataPath, json) => {
    const errors = values.quick
      ? validateChecksums(files, dataPath, out).errorCount
      : await validateSSTable(files, dataPath, out);
    return verdict(json, dataPath, errors);
  });
}

/** Like sstableverify: checksums where they cover all of the data, and every row where they do not, or with -e. */
export async function verifyCommand(args: readonly string[], out: TextOutput): Promise<ExitCode> {
  const { values, positionals } = parseOptions({
    args: [...args],
    allowPositionals: true,
    options: {
      extended: { type: 'boolean', short: 'e', default: false },
      // Of sstableverify: nothing is changed and nothing asked, so there is nothing to force; messages are always whole.
      force: { type: 'boolean', short: 'f', default: false },
      verbose: { type: 'boolean', short: 'v', default: false },
      debug: { type: 'boolean', default: false },
    },
  });
  const files = new NodeFiles();
  return eachAsJson(findSSTables(files, positionals, out), out, async (dataPath, json) => {
    if (!values.extended) {
      const { hasDigest, errorCount } = validateChecksums(files, dataPath, out);
      if (hasDigest || errorCount > 0) return verdict(json, dataPath, errorCount);
      out.error(`note: ${dataPath}: no checksum covers all of the data, so its rows are read`);
    }
    return verdict(json, dataPath, await validateSSTable(files, dataPath, out));
  });
}

export async function validateChecksumsCommand(args: readonly string[], out: TextOutput): Promise<ExitCode> {
  const { positionals } = parseOptions({ args: [...args], options: {}, allowPositionals: true });
  const files = new NodeFiles();
  return eachAsJson(findSSTables(files, positionals, out), out, (dataPath, json) => {
    const { hasChecksums, hasDigest, errorCount } = validateChecksums(files, dataPath, out);
    json.key(dataPath);
    json.beginObject();
    json.key('has_checksums');
    json.boolean(hasChecksums);
    json.key('has_digest');
    json.boolean(hasDigest);
    if (hasChecksums || hasDigest || errorCount > 0) {
      json.key('valid');
      json.boolean(errorCount === 0);
    }
    json.end();
    return errorCount === 0 ? ExitCode.Done : ExitCode.Corrupt;
  });
}

function verdict(json: JsonText, dataPath: string, errors: number): ExitCode {
  json.key(dataPath);
  json.beginObject();
  json.key('errors');
  json.number(String(errors));
  json.key('valid');
  json.boolean(errors === 0);
  json.end();
  return errors === 0 ? ExitCode.Done : ExitCode.Corrupt;
}
