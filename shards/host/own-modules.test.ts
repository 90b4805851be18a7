import { Worker } from 'node:worker_threads';
import { expect, test } from 'vitest';

/** Imports modules in a thread that resolves its own directly, from a module in this folder. Resolves to true for each that came. */
function importIn(specifiers: readonly string[]): Promise<unknown[]> {
  const program = `
    import { parentPort, workerData } from 'node:worker_threads';
    const { resolveOwnModulesDirectly } = await import(workerData.module);
    resolveOwnModulesDirectly();
    const results = [];
    for (const specifier of workerData.specifiers) {
      const result = await import(specifier).then((module) => Object.keys(module).length > 0, (error) => error.code);
      results.push(result);
    }
    parentPort.postMessage(results);`;
  const module = new URL('./own-modules.ts', import.meta.url).href;
  const worker = new Worker(new URL(`data:text/javascript,${encodeURIComponent(program)}`), {
    workerData: { module, specifiers },
  });
  return new Promise((done, failed) => {
    worker.once('message', done);
    worker.once('error', failed);
  });
}

test('own modules, packages and modules of Node load as they do without', async () => {
  const here = (path: string): string => new URL(path, import.meta.url).href;
  // Each has imports of its own: relative ones, a package whose parts import each other, and modules of Node.
  const loadable = [
    here('../engine.ts'),
    here('../../cluster/codec.ts'),
    here('./node-sockets.ts'),
    here('../offload.ts'),
  ];
  expect(await importIn(loadable)).toEqual(loadable.map(() => true));
});
