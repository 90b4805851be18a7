import { type Child, portOf } from './child.ts';

/** What a node says of itself at one moment, summed over its shards. */
export class MetricsSample {
  readonly #values = new Map<string, number>();
  /** Cumulative counts of turns of the shards' event loops by upper limit in microseconds. */
  readonly #turns = new Map<number, number>();

  static async take(node: Child): Promise<MetricsSample> {
    const response = await fetch(`http://127.0.0.1:${portOf(node, 'metrics')}/metrics`);
    return new MetricsSample(await response.text());
  }

  constructor(text: string) {
    for (const line of text.split('\n')) {
      const match = /^(\w+)\{([^}]*)\} (\S+)$/.exec(line);
      if (match === null || match[2]!.includes('shard="main"')) continue;
      const [, name, labels, value] = match as unknown as [string, string, string, string];
      const limit = /le="([^"]+)"/.exec(labels)?.[1];
      if (limit === undefined) this.#values.set(name, (this.#values.get(name) ?? 0) + Number(value));
      else if (name === 'tessera_turn_latency_bucket') {
        const us = limit === '+Inf' ? Number.POSITIVE_INFINITY : Number(limit);
        this.#turns.set(us, (this.#turns.get(us) ?? 0) + Number(value));
      }
    }
  }

  /** A counter or gauge; 0 when there is none of that name. */
  value(name: string): number {
    return this.#values.get(name) ?? 0;
  }

  /** Upper limit in microseconds of the share `quantile` of the turns since `before`. */
  turnUs(before: MetricsSample, quantile: number): number {
    const limits = [...this.#turns.keys()].sort((a, b) => a - b);
    const since = (limit: number): number => (this.#turns.get(limit) ?? 0) - (before.#turns.get(limit) ?? 0);
    const wanted = since(Number.POSITIVE_INFINITY) * quantile;
    return limits.find((limit) => since(limit) >= wanted) ?? Number.NaN;
  }

  /** Turns since `before` that took longer than about `us`. */
  turnsAbove(before: MetricsSample, us: number): number {
    const limit = Math.max(...[...this.#turns.keys()].filter((each) => each <= us));
    const since = (each: number): number => (this.#turns.get(each) ?? 0) - (before.#turns.get(each) ?? 0);
    return since(Number.POSITIVE_INFINITY) - since(limit);
  }
}
