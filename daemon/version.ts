import { readFileSync } from 'node:fs';

/** The version in package.json: two folders up from the sources, three from the compiled package. */
export function packageVersion(): string {
  for (const relative of ['../package.json', '../../package.json']) {
    try {
      const content = JSON.parse(readFileSync(new URL(relative, import.meta.url), 'utf8')) as {
        name: string;
        version: string;
      };
      if (content.name === 'tesseradb') return content.version;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    }
  }
  throw new Error('package.json is missing');
}
