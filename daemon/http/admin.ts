import { failure, type HttpAnswer, type HttpRoutes, json } from './http-server.ts';

const listOf = (text: string | null): string[] => (text ?? '').split(',').filter((each) => each !== '');

/** The paths of ScyllaDB's API that tools ask for flushes and compactions (language document, part E). */
export const adminRoutes: HttpRoutes = (control, method, path, query) => {
  const parts = path.split('/').slice(1).map(decodeURIComponent);
  if (method === 'GET') {
    switch (path) {
      case '/column_family/name/keyspace':
        return json([...new Set(control.tableNames().map((name) => name.split(':')[0]))]);
      case '/column_family/name':
        return json(control.tableNames());
      case '/storage_service/release_version':
        return json('3.0.8');
      case '/storage_service/scylla_release_version':
        return json(`tessera-${control.version}`);
      default:
        return undefined;
    }
  }
  if (method !== 'POST' || parts[0] !== 'storage_service') return undefined;
  const done = async (work: Promise<void>): Promise<HttpAnswer> => {
    await work;
    return json(null);
  };
  if (parts[1] === 'flush' && parts.length === 2) return done(control.flush(undefined, []));
  if (parts[1] === 'compact' && parts.length === 2) return done(control.compact(undefined, []));
  const keyspace = parts[2];
  if (keyspace === undefined || keyspace === '' || parts.length !== 3) return undefined;
  const tables = listOf(query.get('cf'));
  if (parts[1] === 'keyspace_flush') return done(control.flush(keyspace, tables));
  if (parts[1] === 'keyspace_compaction') return done(control.compact(keyspace, tables));
  return failure(404, `POST ${path} is not served`);
};
