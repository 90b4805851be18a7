import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/**
 * Scripts of statements with what came of them. Lines up to a line of four dashes are what is asked; what stands between the dashes
 * and the next blank line is the recorded answer. Other blank lines, and lines that begin with `#`, are prose.
 */
export interface RecordedScript {
  readonly name: string;
  readonly path: string;
}

/** The scripts of a folder, given with a slash at its end, whose names begin with `prefix`. */
export function recordedScripts(folder: URL, prefix = ''): readonly RecordedScript[] {
  const directory = fileURLToPath(folder);
  const names = readdirSync(directory).filter((name) => name.startsWith(prefix));
  return names.map((name) => ({ name, path: directory + name }));
}

/**
 * The text of a script with the answers that come now, all else as it is: to be compared with the file.
 * @param answer is given the lines of one question after the other
 */
export function replayScript({ path }: RecordedScript, answer: (lines: readonly string[]) => string): string {
  const output: string[] = [];
  let question: string[] = [];
  let isAnswer = false;
  for (const line of readFileSync(path, 'utf8').trimEnd().split('\n')) {
    if (isAnswer && line !== '') continue;
    isAnswer = false;
    output.push(line);
    if (line === '----') {
      output.push(answer(question));
      question = [];
      isAnswer = true;
    } else if (line !== '' && !line.startsWith('#')) {
      question.push(line);
    }
  }
  return `${output.join('\n')}\n`;
}
