/**
 * Scripts: blocks of a command line, perhaps input lines, a line `----`, the output, an empty line. `#` begins a comment. A
 * command is a name, bare words, `key=value` and `key=(a,b)`.
 */
export interface ScriptCommand {
  readonly name: string;
  /** Bare words, in order. */
  readonly words: readonly string[];
  readonly options: ReadonlyMap<string, readonly string[]>;
  readonly input: readonly string[];
}

export interface ScriptBlock {
  /** Comments before the command, as they stand. */
  readonly prose: string;
  /** Command and input lines, as they stand. */
  readonly head: string;
  readonly command: ScriptCommand;
  readonly expected: string;
  readonly line: number;
}

const ARGUMENT = /([\w-]+)=\(([^)]*)\)|([\w-]+)=(\S+)|"[^"]*"|\S+/g;

export function parseCommand(lines: readonly string[]): ScriptCommand {
  const words: string[] = [];
  const options = new Map<string, readonly string[]>();
  for (const match of lines[0]!.matchAll(ARGUMENT)) {
    if (match[1] !== undefined)
      options.set(
        match[1],
        match[2]!.split(/[\s,]+/).filter((part) => part !== ''),
      );
    else if (match[3] !== undefined) options.set(match[3], [match[4]!]);
    else words.push(match[0]);
  }
  return { name: words.shift() ?? '', words, options, input: lines.slice(1) };
}

export function parseScript(text: string): ScriptBlock[] {
  const lines = text.split('\n');
  const blocks: ScriptBlock[] = [];
  let at = 0;
  while (at < lines.length) {
    const prose: string[] = [];
    while (at < lines.length && (lines[at]!.trim() === '' || lines[at]!.startsWith('#'))) prose.push(lines[at++]!);
    if (at >= lines.length) break;
    const line = at + 1;
    const head: string[] = [];
    while (at < lines.length && lines[at] !== '----') head.push(lines[at++]!);
    at++;
    const expected: string[] = [];
    while (at < lines.length && lines[at]!.trim() !== '') expected.push(lines[at++]!);
    blocks.push({
      prose: prose.join('\n').trimStart(),
      head: head.join('\n'),
      command: parseCommand(head),
      expected: expected.join('\n'),
      line,
    });
  }
  return blocks;
}

/** The script with the outputs that `run` gives. */
export function replayScript(text: string, run: (command: ScriptCommand) => string): string {
  let replayed = '';
  for (const { prose, head, command } of parseScript(text)) {
    replayed += `${prose === '' ? '' : `${prose}\n`}${head}\n----\n${run(command)}\n`;
  }
  return `${replayed.trimEnd()}\n`;
}
