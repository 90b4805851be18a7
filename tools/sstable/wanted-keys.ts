import { UsageError } from '../commands/parse-options.ts';
import { partitionKeyOfRaw } from './key-text.ts';

/** Partition keys of their raw forms in hex, as users give them. @throws UsageError for one that is no key of so many columns */
export function wantedKeys(texts: readonly string[], columns: number): Uint8Array[] {
  return texts.map((text) => {
    const key = partitionKeyOfRaw(text, columns);
    if (key !== undefined) return key;
    const values = `${columns} value${columns === 1 ? '' : 's'}`;
    throw new UsageError(`--partition ${text}: not a key of ${values} in hex, two bytes of length before each`);
  });
}
