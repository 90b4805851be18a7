import { startNode } from '../support/start-node.ts';
import { GoodClients } from './good-clients.ts';
import { claim, type Figures, type SoakContext } from './suite.ts';

const USAGE = 2;

/** A second node on the same directory, or on the same port, ends with exit code 2; the first one goes on. */
export async function secondNode(_context: SoakContext): Promise<Figures> {
  const other = ['--api-port', '0', '--prometheus-port', '0'];
  const node = await startNode({ shards: 2, args: other });
  const port = String(node.ready.cql.port);
  const attempts = {
    workdir: { workdir: node.workdir, args: other },
    'CQL port': { args: [...other, '--native-transport-port', port] },
    'API port': { args: ['--api-port', String(node.ready.api!.port), '--prometheus-port', '0'] },
    'metrics port': { args: ['--api-port', '0', '--prometheus-port', String(node.ready.metrics!.port)] },
  };
  const refusals: Record<string, string> = {};
  try {
    const good = await GoodClients.start(node, 2);
    for (const [what, options] of Object.entries(attempts)) {
      const refusal = await startNode(options).then(
        async (second) => {
          await second.kill();
          return undefined;
        },
        (error: Error) => error.message,
      );
      claim(refusal !== undefined, `a second node started on the same ${what}`);
      claim(refusal.includes(`code ${USAGE} `), `same ${what}: ${refusal}`);
      refusals[what] = refusal.split('startup failed: ')[1]?.split('\n')[0] ?? refusal;
    }
    await good.finish();
    return { refusals, goodOperations: good.operations };
  } finally {
    await node.kill();
  }
}
