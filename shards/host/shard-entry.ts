import { resolveOwnModulesDirectly } from './own-modules.ts';

// Before the modules that this speeds up: a static import would come first.
resolveOwnModulesDirectly();
const { serveShard } = await import('../shard.ts');
serveShard();
