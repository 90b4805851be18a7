import { Worker } from 'node:worker_threads';
import { assert } from '../core/assert.ts';
import { decodeError } from '../core/error-codec.ts';
import { NotReadyError } from '../core/errors.ts';
import type { Mailbox } from '../core/ports/mailbox.ts';
import type { NodeMemory } from './node-memory.ts';
import type { ImageMessage, ShardStart } from './shard.ts';
import type { ShardConfig } from './shard-config.ts';

/** Space for young objects of a shard: its garbage is small buffers of requests, which should die before they are copied twice. */
const YOUNG_GENERATION_MB = 64;

type DeathListener = (shard: number, error: Error) => void;

/** The shards' threads as the main thread drives them: spawned, told what they are, asked, stopped. */
export class ShardThreads {
  readonly #workers: readonly Worker[];
  #mailbox: Mailbox | undefined;
  #onDeath: DeathListener | undefined;
  /** The first thread that ended before there was anybody to tell. */
  #earlyDeath: { readonly shard: number; readonly error: Error } | undefined;
  #isStopping = false;
  /** How to fail what was asked and is not answered. */
  readonly #unanswered: Set<(error: Error) => void> = new Set();

  /**
   * Spawns a thread per shard: it loads its modules and waits for `start`.
   * @param entry module that the threads run; the shards' own unless a test wants another
   */
  constructor(shardCount: number, entry: URL = shardEntry()) {
    this.#workers = Array.from({ length: shardCount }, (_, shard) => {
      const worker = new Worker(entry, {
        name: `shard ${shard}`,
        resourceLimits: { maxYoungGenerationSizeMb: YOUNG_GENERATION_MB },
      });
      worker.on('error', (error) => this.#died(shard, error as Error));
      worker.on('exit', (code) => {
        this.#died(shard, new Error(`the thread of shard ${shard} ended with code ${code}`));
      });
      return worker;
    });
  }

  get count(): number {
    return this.#workers.length;
  }

  /** Whether the threads know what they are, and can be asked. */
  get isStarted(): boolean {
    return this.#mailbox !== undefined;
  }

  /**
   * Tells the threads what they are. From now on they answer.
   * @param configOf each shard's own part of the configuration
   * @param onDeath called when a thread ends that was not told to, or has already: the node ends with it (settled question 35)
   */
  start(
    memory: NodeMemory,
    mailbox: Mailbox,
    configOf: (shard: number) => ShardConfig,
    image: SharedArrayBuffer,
    onDeath: DeathListener,
  ): void {
    this.#mailbox = mailbox;
    this.#onDeath = onDeath;
    this.#workers.forEach((worker, shard) => {
      const message: ShardStart = { shard, memory, config: configOf(shard), image };
      worker.postMessage(message);
    });
    if (this.#earlyDeath !== undefined) onDeath(this.#earlyDeath.shard, this.#earlyDeath.error);
  }

  #died(shard: number, error: Error): void {
    if (this.#isStopping) return;
    if (this.#onDeath !== undefined) this.#onDeath(shard, error);
    else this.#earlyDeath ??= { shard, error };
  }

  /** Asks one shard. @throws the shard's error, or a timeout; NotReadyError when the thread was stopped */
  ask<Answer>(shard: number, verb: number, request: object, timeoutMs: number): Promise<Answer> {
    const mailbox = this.#mailbox;
    assert(mailbox !== undefined, 'threads are asked after their start');
    if (this.#isStopping) return Promise.reject(stopped());
    const body = Buffer.from(JSON.stringify(request));
    return new Promise((done, failed) => {
      this.#unanswered.add(failed);
      const deadlineMs = performance.now() + timeoutMs;
      mailbox.call(shard, verb, body, 0, body.length, deadlineMs, (status, bytes, start, end) => {
        this.#unanswered.delete(failed);
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

  /** Ends the threads, which were drained and closed before if there was time for it. Requests under way fail. */
  async stop(): Promise<void> {
    this.#isStopping = true;
    await Promise.all(this.#workers.map((worker) => worker.terminate()));
    for (const failed of this.#unanswered) failed(stopped());
    this.#unanswered.clear();
  }
}

function shardEntry(): URL {
  const extension = import.meta.url.endsWith('.ts') ? 'ts' : 'js';
  return new URL(`./host/shard-entry.${extension}`, import.meta.url);
}

function stopped(): NotReadyError {
  return new NotReadyError('the threads of the shards were stopped');
}
