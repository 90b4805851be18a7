import { type HttpRoutes, json } from './http-server.ts';

/** The paths of ScyllaDB's API by which tools look at compactions: `compactionstats` and `compactionhistory` of nodetool. */
export const compactionRoutes: HttpRoutes = (control, method, path) => {
  if (method !== 'GET' || !path.startsWith('/compaction_manager/')) return undefined;
  const reported = async (form: (report: Awaited<ReturnType<typeof control.compactions>>) => unknown) =>
    json(form(await control.compactions()));
  switch (path.slice('/compaction_manager/'.length)) {
    case 'compactions':
      return reported(({ running }) =>
        running.map((each) => ({
          id: each.id,
          shard: each.shard,
          ks: each.keyspace,
          cf: each.table,
          task_type: 'COMPACTION',
          completed: each.doneBytes,
          total: each.totalBytes,
          unit: 'bytes',
        })),
      );
    case 'compaction_history':
      return reported(({ history }) =>
        history.map((each) => ({
          id: each.id,
          shard_id: each.shard,
          ks: each.keyspace,
          cf: each.table,
          compaction_type: each.kind,
          started_at: each.startedMs,
          compacted_at: each.finishedMs,
          bytes_in: each.bytesIn,
          bytes_out: each.bytesOut,
          rows_merged: [],
        })),
      );
    case 'metrics/pending_tasks':
      return reported(({ pending }) => pending.reduce((sum, { tasks }) => sum + tasks, 0));
    case 'metrics/pending_tasks_by_table':
      return reported(({ pending }) => {
        const byTable = new Map<string, { ks: string; cf: string; task: number }>();
        for (const { keyspace, table, tasks } of pending) {
          const entry = byTable.get(`${keyspace}.${table}`) ?? { ks: keyspace, cf: table, task: 0 };
          byTable.set(`${keyspace}.${table}`, { ...entry, task: entry.task + tasks });
        }
        return [...byTable.values()];
      });
    default:
      return undefined;
  }
};
