import { PendingRequest, type RequestHost } from './pending-request.ts';

/** Free records kept; more are garbage after a burst. */
const KEPT_RECORDS = 4096;

/** The records of requests under way on a shard. */
export class RequestPool {
  readonly #host: RequestHost;
  readonly #free: PendingRequest[];
  #openCount: number;

  constructor(host: RequestHost) {
    this.#host = host;
    this.#free = [];
    this.#openCount = 0;
  }

  /** Records that are taken. */
  get openCount(): number {
    return this.#openCount;
  }

  take(): PendingRequest {
    this.#openCount++;
    return this.#free.pop() ?? new PendingRequest(this.#host);
  }

  give(request: PendingRequest): void {
    this.#openCount--;
    if (this.#free.length < KEPT_RECORDS) this.#free.push(request);
  }
}
