import type { TextOutput } from '../../commands/text-output.ts';

/** Keeps what a command says. */
export class CollectedOutput implements TextOutput {
  text = '';
  readonly errors: string[] = [];

  write(text: string): void {
    this.text += text;
  }
  writeBytes(bytes: Uint8Array): boolean {
    this.text += Buffer.from(bytes).toString();
    bytes.fill(0); // as its owner may do
    return true;
  }
  line(text: string): void {
    this.text += `${text}\n`;
  }
  error(text: string): void {
    this.errors.push(text);
  }
  async drain(): Promise<void> {}
  progress(): void {}

  /** The results as JSON whose numbers are kept as texts, so that every digit is compared. */
  get json(): unknown {
    return exactJson(this.text);
  }
}

/** JSON with every number as its text. */
export function exactJson(text: string): unknown {
  return parse(text, (_key, value, { source }) => (typeof value === 'number' ? source : value));
}

/** With the source text of each primitive value, which the library's types do not know yet. */
type ParseWithSource = (
  text: string,
  reviver: (key: string, value: unknown, context: { readonly source: string }) => unknown,
) => unknown;
const parse: ParseWithSource = JSON.parse as ParseWithSource;
