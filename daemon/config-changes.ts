import { NodeConfig } from './config.ts';

/** One setting that has another value than before. */
export interface ConfigChange {
  readonly name: string;
  readonly before: string;
  readonly after: string;
  /** It takes effect while the node runs; else at the next start. */
  readonly isLive: boolean;
}

/** Settings that differ, in the order of the keys. */
export function configChanges(running: NodeConfig, fresh: NodeConfig): ConfigChange[] {
  const changes: ConfigChange[] = [];
  for (const [name, { key, text }] of fresh.values) {
    const before = running.text(name);
    if (text !== before) changes.push({ name, before, after: text, isLive: key.isLive });
  }
  return changes;
}

/** What a running node goes on with: the live settings as they are now, the others as it was started with. */
export function withLiveValues(running: NodeConfig, fresh: NodeConfig): NodeConfig {
  const values = [...running.values].map(([name, value]) => {
    return [name, value.key.isLive ? fresh.values.get(name)! : value] as const;
  });
  return new NodeConfig(new Map(values), running.warnings);
}
