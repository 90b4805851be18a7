import { Worker } from 'node:worker_threads';
import { decodeError } from '../core/error-codec.ts';
import type { Mailbox } from '../core/ports/mailbox.ts';
import type { NodeMemory } from './node-memory.ts';
import type { ImageMessage, ShardWorkerData } from './shard.ts';
import type { ShardConfig } from './shard-config.ts';

/** Space for young objects of a shard: its garbage is small buffers of requests, which should die before they are copied twice. */
const YOUNG_GENERATION_MB = 64;

/** The shards' threads as the main thread drives them. */
export class ShardThreads {
  readonly #workers: readonly Worker[];
  readonly #mailbox: Mailbox;
  #isStopping = false;

  /**
   * Starts a thread per shard.
   * @param configOf each shard's own part of the configuration
   * @param onDeath called when a thread ends that was not told to: the node ends with it (settled question 35)
   */
  constructor(
    memory: NodeMemory,
    mailbox: Mailbox,
    configOf: (shard: number) => ShardConfig,
    image: SharedArrayBuffer,
    onDeath: (shard: number, error: Error) => void,
  ) {
    this.#mailbox = mailbox;
    const extension = import.meta.url.endsWith('.ts') ? 'ts' : 'js';
    const entry = new URL(`./shard.${extension}`, import.meta.url);
    this.#workers = Array.from({ length: memory.shardCount }, (_, shard) => {
      const data: ShardWorkerData = { shard, memory, config: configOf(shard), image };
      const worker = new Worker(entry, {
        workerData: data,
        name: `shard ${shard}`,
        resourceLimits: { maxYoungGenerationSizeMb: YOUNG_GENERATION_MB },
      });
      worker.on('error', (error) => {
        if (!this.#isStopping) onDeath(shard, error as Error);
      });
      worker.on('exit', (code) => {
        if (!this.#isStopping) onDeath(shard, new Error(`the thread of shard ${shard} ended with code ${code}`));
      });
      return worker;
    });
  }

  get count(): number {
    return this.#workers.length;
  }

  /** Asks one shard. @throws the shard's error, or a timeout */
  ask<Answer>(shard: number, verb: number, request: object, timeoutMs: number): Promise<Answer> {
    const body = Buffer.from(JSON.stringify(request));
    return new Promise((done, failed) => {
      const deadlineMs = performance.now() + timeoutMs;
      this.#mailbox.call(shard, verb, body, 0, body.length, deadlineMs, (status, bytes, start, end) => {
        if (status !== 0) failed(decodeError(bytes, start, end));
        else done(JSON.parse(Buffer.from(bytes.buffer, bytes.byteOffset + start, end - start).toString()) as Answer);
      });
    });
  }

  /** Asks all shards at once. Rejects with the first error when all have answered. */
  async askAll<Answer>(verb: number, request: object, timeoutMs: number): Promise<Answer[]> {
    const answers = this.#workers.map((_, shard) => this.ask<Answer>(shard, verb, request, timeoutMs));
    await Promise.allSettled(answers);
    return Promise.all(answers);
  }

  /** Sends an image's memory to every shard; PREPARE then names its version. */
  sendImage(version: number, image: SharedArrayBuffer): void {
    const message: ImageMessage = { version, image };
    for (const worker of this.#workers) worker.postMessage(message);
  }

  /** Ends the threads, which were drained and closed before. */
  async stop(): Promise<void> {
    this.#isStopping = true;
    await Promise.all(this.#workers.map((worker) => worker.terminate()));
  }
}
