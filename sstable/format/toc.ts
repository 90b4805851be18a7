import { CorruptFileError } from '../../core/errors.ts';

/**
 * TOC.txt: the component names, one a line, '\n' at each line's end, in any order, itself included. Its presence under
 * that name says that the SSTable is complete.
 */

/** Longer ones are refused: a real one has some two hundred bytes. */
const MAX_TOC_BYTES = 64 * 1024;

export function encodeToc(components: readonly string[]): Uint8Array {
  return new TextEncoder().encode(components.map((name) => `${name}\n`).join(''));
}

/** @throws CorruptFileError when the bytes are not a list of names */
export function decodeToc(bytes: Uint8Array, path: string): string[] {
  if (bytes.length > MAX_TOC_BYTES) throw new CorruptFileError(path, 0, 'TOC too long');
  const names = new TextDecoder().decode(bytes).split('\n');
  const components: string[] = [];
  let offset = 0;
  for (const line of names) {
    const name = line.trim();
    if (name !== '') {
      if (!/^[\w.+-]+$/.test(name)) throw new CorruptFileError(path, offset, 'not a component name');
      components.push(name);
    }
    offset += line.length + 1;
  }
  return components;
}
