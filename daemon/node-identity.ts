import { closeSync, fsyncSync, openSync, readFileSync, renameSync, writeSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { CorruptFileError } from '../core/errors.ts';
import type { HostId } from '../core/ids.ts';

/** Who this node is, for the life of its work directory. */
export interface NodeIdentity {
  readonly hostId: HostId;
  /** Counts the starts, from 1; durable before the node does anything that others could see (settled question 37). */
  readonly boot: number;
}

/**
 * Reads `<workdir>/node.json`, makes it at the first start, and counts the boot. Durable when it returns.
 * @throws CorruptFileError when the file is there and says nothing sensible: a new identity would orphan the data
 */
export function nextBoot(workdir: string): NodeIdentity {
  const path = join(workdir, 'node.json');
  const before = readIdentity(path);
  const identity: NodeIdentity =
    before === undefined ? { hostId: newHostId(), boot: 1 } : { ...before, boot: before.boot + 1 };
  const file = openSync(`${path}.tmp`, 'w');
  writeSync(file, `${JSON.stringify({ host_id: identity.hostId, boot: identity.boot })}\n`);
  fsyncSync(file);
  closeSync(file);
  renameSync(`${path}.tmp`, path);
  const directory = openSync(dirname(path), 'r');
  fsyncSync(directory);
  closeSync(directory);
  return identity;
}

function newHostId(): HostId {
  // Loaded here: later starts do not need it.
  return process.getBuiltinModule('node:crypto').randomUUID() as string as HostId;
}

function readIdentity(path: string): NodeIdentity | undefined {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
  let content: unknown;
  try {
    content = JSON.parse(text);
  } catch {
    throw new CorruptFileError(path, 0, 'is no JSON');
  }
  const { host_id: hostId, boot } = (content ?? {}) as Record<string, unknown>;
  if (typeof hostId !== 'string' || !/^[0-9a-f-]{36}$/.test(hostId) || !Number.isSafeInteger(boot)) {
    throw new CorruptFileError(path, 0, 'has no host_id or boot');
  }
  return { hostId: hostId as HostId, boot: boot as number };
}
