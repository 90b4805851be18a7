import { CONFIG_KEYS, type ConfigKey, REFUSED_UNLESS } from '../../daemon/config-keys.ts';

/** Columns of a comment in the file of defaults. */
const COMMENT_COLUMNS = 100;

/** docs/configuration.md: every key with its default, type and meaning. */
export function configDocument(): string {
  const rows = CONFIG_KEYS.map(
    (key) =>
      `| \`${key.name}\` | ${defaultCell(key)} | ${kindOf(key)}${key.isLive ? ', live' : ''} | ${documentText(key)} |`,
  );
  const refused = Object.entries(REFUSED_UNLESS).map(
    ([name, values]) => `- \`${name}\`: only ${values.map((value) => `\`${value}\``).join(' or ')}`,
  );
  return `# Configuration

Made from \`daemon/config-keys.ts\`; \`npx vitest run tools/commands/config -u\` writes it anew after a change there.

A value comes from the command line (\`--native-transport-port 9042\`, dashes or underscores, \`--key=value\`, \`--no-key\` for
booleans), else from the environment (\`TESSERA_NATIVE_TRANSPORT_PORT\`), else from the file (\`--config-file\`, or
\`tessera.yaml\`, \`scylla.yaml\` or \`cassandra.yaml\` in \`$TESSERA_CONF\`), else it is the default. Names mean what they mean in
scylla.yaml and cassandra.yaml; sizes and durations may carry a unit (\`10s\`, \`128MiB\`). A key that only those programs know
gives one warning and has no effect; a key that nobody knows is an error.

\`tessera config defaults\` prints all of this as a file, \`tessera config check FILE\` judges one, \`tessera config diff FILE\`
shows what it changes. *live*: SIGHUP applies a change.

| key | default | type | meaning |
|---|---|---|---|
${rows.join('\n')}

What asks for protection that is not there is refused:

${refused.join('\n')}
- \`client_encryption_options\`, \`server_encryption_options\`: only without encryption
`;
}

/** The commented file of all keys with their defaults, as \`--config-file\` takes it. */
export function defaultsFile(): string {
  const parts = CONFIG_KEYS.filter((key) => key.name !== 'config_file').map((key) => {
    const comment = wrap(`${key.doc} (${kindOf(key)}${key.isLive ? ', live' : ''})`);
    const value = yamlValue(key, key.default);
    return `${comment.map((line) => `# ${line}`).join('\n')}\n#${key.name}: ${value}\n`;
  });
  return `# Tessera's configuration: every key with its default. Take away the # in front of a key to change it.\n\n${parts.join('\n')}`;
}

/** A value as YAML. @param text in the form that NodeConfig has */
export function yamlValue({ type, unit }: ConfigKey, text: string): string {
  if (type === 'boolean' || type === 'number' || (type === 'integer' && unit === undefined)) return text;
  if (type === 'integer') return text;
  if (type === 'list') return text === '' ? '[]' : `[${text.split(',').map(quoted).join(', ')}]`;
  return quoted(text);
}

function quoted(text: string): string {
  return /^[A-Za-z_/][\w./-]*$/.test(text) && !/^(true|false|yes|no|on|off|null|y|n)$/i.test(text)
    ? text
    : JSON.stringify(text);
}

function defaultCell(key: ConfigKey): string {
  return key.default === '' ? '' : `\`${key.default}\``;
}

function kindOf({ type, min, max, unit, choices }: ConfigKey): string {
  if (choices !== undefined) return choices.map((choice) => `\`${choice}\``).join(', ');
  const range = max === undefined ? (min === undefined || min === 0 ? '' : ` ≥ ${min}`) : ` ${min ?? 0} to ${max}`;
  return `${type}${range}${unit === undefined ? '' : ` (${unit})`}`;
}

function documentText({ doc, aliases = [] }: ConfigKey): string {
  const also = aliases.length === 0 ? '' : `; also ${aliases.map((alias) => `\`${alias}\``).join(', ')}`;
  return `${doc}${also}`.replaceAll('|', '\\|').replaceAll('<', '&lt;');
}

function wrap(text: string): string[] {
  const lines: string[] = [];
  let line = '';
  for (const word of text.replaceAll('`', '').split(' ')) {
    if (line !== '' && line.length + word.length >= COMMENT_COLUMNS) {
      lines.push(line);
      line = '';
    }
    line += line === '' ? word : ` ${word}`;
  }
  return [...lines, line];
}
