import { registerHooks } from 'node:module';

const EXTENSION = import.meta.url.endsWith('.ts') ? '.ts' : '.js';
const FORMAT = EXTENSION === '.ts' ? 'module-typescript' : 'module';
/** The folder of the sources, or of the compiled ones: there every relative specifier names its file in full. */
const ROOT: string = new URL('../../', import.meta.url).href;

/**
 * Has this thread resolve the relative imports between this program's own modules by joining two URLs. Node by itself looks
 * for the file, its links and the package around it, for each module and in each thread: a third of what loading takes. A file
 * that is missing is then reported when it is read.
 */
export function resolveOwnModulesDirectly(): void {
  registerHooks({
    resolve(specifier, context, nextResolve) {
      if (!specifier.startsWith('.') || !specifier.endsWith(EXTENSION) || !isOwn(context.parentURL)) {
        return nextResolve(specifier, context);
      }
      return { url: new URL(specifier, context.parentURL).href, format: FORMAT, shortCircuit: true };
    },
  });
}

/** Modules of packages are not: theirs may be links, and of another format. */
function isOwn(url: string | undefined): boolean {
  return url?.startsWith(ROOT) === true && !url.includes('/node_modules/', ROOT.length - 1);
}
