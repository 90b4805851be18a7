import type { HttpRoutes } from './http-server.ts';

/** `/metrics` in Prometheus' text form. */
export const metricsRoutes: HttpRoutes = (control, method, path) => {
  if (method !== 'GET' || path !== '/metrics') return undefined;
  return { status: 200, type: 'text/plain; version=0.0.4; charset=utf-8', body: control.metrics() };
};
