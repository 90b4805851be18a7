import { failure, type HttpRoutes, json } from './http-server.ts';

/** `/health/live`: the event loops turn. `/health/ready`: queries are answered; 503 with the reason otherwise. */
export const healthRoutes: HttpRoutes = (control, method, path) => {
  if (method !== 'GET') return undefined;
  if (path === '/health/live')
    return control.isAlive() ? json({ status: 'live' }) : failure(503, 'a thread does not answer');
  if (path === '/health/ready') {
    const reason = control.notReadyBecause;
    return reason === undefined ? json({ status: 'ready' }) : failure(503, reason);
  }
  return undefined;
};
