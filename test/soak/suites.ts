import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { damageRounds } from './damage-rounds.ts';
import { diskTrouble } from './disk-trouble.ts';
import { drainRounds } from './drain-rounds.ts';
import { fuzzFrames } from './frame-fuzz.ts';
import { hostileClients } from './hostile-clients.ts';
import { killRounds } from './kill-rounds.ts';
import { powerLoss } from './power-loss.ts';
import { realData } from './real-data.ts';
import { runCommand } from './run-command.ts';
import { secondNode } from './second-node.ts';
import { socketFuzz } from './socket-fuzz.ts';
import { fuzzStatements } from './statement-fuzz.ts';
import { claim, type Figures, type SoakContext, type SoakSuite } from './suite.ts';

const HEAP_GROWTH_LIMIT_BYTES = 20 << 20;
const STORE_CRASH: string = resolve(import.meta.dirname, 'store-crash.ts');

async function frames({ volumes, seed }: SoakContext): Promise<Figures> {
  try {
    const report = await fuzzFrames(volumes.frames, seed);
    claim(report.heapGrowthBytes <= HEAP_GROWTH_LIMIT_BYTES, `the heap grew by ${report.heapGrowthBytes} bytes`);
    return { ...report };
  } catch (error) {
    throw new Error(`seed ${seed}: ${(error as Error).message}`, { cause: error });
  }
}

/** In a process of its own, whose last line tells what it found. */
async function storeCrash({ volumes, seed }: SoakContext): Promise<Figures> {
  claim(existsSync(STORE_CRASH), `${STORE_CRASH} is not there`);
  const first = seed % 1_000_000;
  const result = await runCommand(process.execPath, [STORE_CRASH, String(volumes.storeSeeds), String(first)]);
  claim(result.code === 0, `store-crash.ts ${volumes.storeSeeds} ${first}: ${result.stdout}${result.stderr}`);
  return JSON.parse(result.stdout.trim().split('\n').at(-1)!) as Figures;
}

/** Every suite, the quick ones first. */
export const SUITES: readonly SoakSuite[] = [
  { name: 'second-node', run: secondNode },
  { name: 'frames', run: frames },
  { name: 'statements', run: async ({ volumes, seed }) => ({ ...(await fuzzStatements(volumes.statements, seed)) }) },
  { name: 'store', run: storeCrash },
  { name: 'damage', run: damageRounds },
  { name: 'drain', run: drainRounds },
  { name: 'disk', run: diskTrouble },
  { name: 'sockets', run: socketFuzz },
  { name: 'hostile', run: hostileClients },
  { name: 'power', run: powerLoss },
  { name: 'kill-batch', run: async (context) => ({ ...(await kill(context, 'batch')) }) },
  { name: 'kill-periodic', run: async (context) => ({ ...(await kill(context, 'periodic')) }) },
  { name: 'real-data', run: realData },
];

const kill = (context: SoakContext, mode: 'batch' | 'periodic') =>
  killRounds(context.volumes.killRounds, mode, context.seed);
