import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import { OverloadedError, TesseraError } from '../../core/errors.ts';
import type { NodeControl } from '../node-control.ts';

// An import would look at every export of this module, and one of them loads Node's whole HTTP client: 20 ms and 3 MiB.
const { createServer } = process.getBuiltinModule('node:http');

/** What one route answers. */
export interface HttpAnswer {
  readonly status: number;
  readonly type: 'application/json' | 'text/plain; version=0.0.4; charset=utf-8' | 'text/plain; charset=utf-8';
  readonly body: string;
}

/** Serves one request, or answers undefined when the path is none of its own. */
export type HttpRoutes = (
  control: NodeControl,
  method: string,
  path: string,
  query: URLSearchParams,
) => Promise<HttpAnswer> | HttpAnswer | undefined;

/** Requests carry no body that anything reads: a longer one is cut off. */
const MAX_BODY_BYTES = 64 * 1024;
const MAX_CONNECTIONS = 256;

/** A listener of the administration API or of the metrics. */
export class HttpServer {
  readonly #server: Server;
  readonly address: string;
  readonly port: number;

  private constructor(server: Server, address: string, port: number) {
    this.#server = server;
    this.address = address;
    this.port = port;
  }

  /** @throws the system's error: EADDRINUSE and others, for the caller to judge */
  static open(address: string, port: number, control: NodeControl, routes: readonly HttpRoutes[]): Promise<HttpServer> {
    const server = createServer((request, response) => {
      serve(request, response, control, routes).catch(() => response.destroy());
    });
    server.maxConnections = MAX_CONNECTIONS;
    server.requestTimeout = 30_000;
    return new Promise((opened, failed) => {
      server.once('error', failed);
      server.listen({ host: address, port, exclusive: true }, () => {
        server.off('error', failed);
        const bound = server.address();
        const boundPort = typeof bound === 'object' && bound !== null ? bound.port : port;
        opened(new HttpServer(server, address, boundPort));
      });
    });
  }

  close(): Promise<void> {
    this.#server.closeAllConnections();
    return new Promise((closed) => this.#server.close(() => closed()));
  }
}

async function serve(
  request: IncomingMessage,
  response: ServerResponse,
  control: NodeControl,
  routes: readonly HttpRoutes[],
): Promise<void> {
  let received = 0;
  request.on('data', (chunk: Buffer) => {
    received += chunk.length;
    if (received > MAX_BODY_BYTES) request.destroy();
  });
  const answer = await answerOf(request, control, routes);
  response.writeHead(answer.status, { 'content-type': answer.type, 'content-length': Buffer.byteLength(answer.body) });
  response.end(request.method === 'HEAD' ? undefined : answer.body);
}

async function answerOf(
  request: IncomingMessage,
  control: NodeControl,
  routes: readonly HttpRoutes[],
): Promise<HttpAnswer> {
  let url: URL;
  try {
    url = new URL(request.url ?? '/', 'http://node');
  } catch {
    return failure(400, 'the path is no path');
  }
  const method = request.method === 'HEAD' ? 'GET' : (request.method ?? 'GET');
  try {
    for (const route of routes) {
      const answer = route(control, method, url.pathname, url.searchParams);
      if (answer !== undefined) return await answer;
    }
  } catch (error) {
    if (error instanceof URIError) return failure(400, 'the path is not properly encoded');
    if (error instanceof OverloadedError) return failure(503, error.message);
    if (error instanceof TesseraError) return failure(error.code === 'INVALID' ? 400 : 500, error.message);
    throw error;
  }
  return failure(404, `${method} ${url.pathname} is not served`);
}

export function json(value: unknown): HttpAnswer {
  return { status: 200, type: 'application/json', body: JSON.stringify(value) };
}

/** The shape of ScyllaDB's errors. */
export function failure(status: number, message: string): HttpAnswer {
  return { status, type: 'application/json', body: JSON.stringify({ message, code: status }) };
}
