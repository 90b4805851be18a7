import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

/** etcd/raft's own scripts (Apache-2.0), read where they lie beside the checkout; empty where they are not there. */
const ROOT: string = resolve(dirname(fileURLToPath(import.meta.url)), '../../../../shared/fixtures/raft-scripts');

export interface EtcdScript {
  readonly name: string;
  readonly text: string;
}

export const hasEtcdScripts: boolean = existsSync(ROOT);

/** @param folder `testdata`, `quorum/testdata` or `confchange/testdata` */
export function etcdScripts(folder: string): EtcdScript[] {
  if (!hasEtcdScripts) return [];
  return readdirSync(join(ROOT, folder))
    .filter((file) => file.endsWith('.txt'))
    .sort()
    .map((file) => ({ name: file.slice(0, -4), text: readFileSync(join(ROOT, folder, file), 'utf8') }));
}
