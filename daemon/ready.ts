import { closeSync, fsyncSync, openSync, renameSync, writeSync } from 'node:fs';
import { join } from 'node:path';

/** What `--print-ready` prints and `<workdir>/tessera.json` holds (design §4). A listener that is not open is null. */
export interface ReadyFacts {
  readonly pid: number;
  readonly version: string;
  readonly host_id: string;
  readonly cql: { readonly address: string; readonly port: number; readonly shardAwarePort: number | null };
  readonly storage: { readonly address: string; readonly port: number } | null;
  readonly api: { readonly address: string; readonly port: number } | null;
  readonly metrics: { readonly address: string; readonly port: number } | null;
  readonly shards: number;
  readonly startedAt: string;
  readonly startMs: number;
}

/** Replaces `<workdir>/tessera.json`: readers see the old file or the new one. */
export function writeReadyFile(workdir: string, facts: ReadyFacts): void {
  const path = join(workdir, 'tessera.json');
  const file = openSync(`${path}.tmp`, 'w');
  writeSync(file, `${JSON.stringify(facts)}\n`);
  fsyncSync(file);
  closeSync(file);
  renameSync(`${path}.tmp`, path);
}
