/** The texts made from the schema of the settings; `schema` is packages/server/dist/config/schema.js. */

const HEADINGS = {
  server: 'Server',
  storage: 'Storage',
  tokens: 'Tokens and secrets',
  accounts: 'Accounts',
  limits: 'Limits',
  delivery: 'Delivery',
  sockets: 'Sockets',
  services: 'Services',
};

function settingsOf({ SETTING_NAMES, SettingsSchema, infoOf }) {
  return SETTING_NAMES.map((name) => {
    const { type, defaultValue } = SettingsSchema.shape[name].def;
    const fixed = type === 'default' ? String(defaultValue) : undefined;
    return { name, fixed, ...infoOf(name) };
  });
}

const cell = (text) => text.replaceAll('|', '\\|');

function row({ name, fixed, absent, description, example, secret, aliases = [] }) {
  const names = [name, ...aliases].map((item) => `\`${item}\``).join(' or ');
  const byDefault = fixed === undefined ? absent : fixed === '' ? 'none' : `\`${fixed}\``;
  return `| ${names}${secret ? ' (secret)' : ''} | ${cell(byDefault)} | ${cell(description)} | \`${cell(example)}\` |`;
}

export function renderConfigPage(schema) {
  const settings = settingsOf(schema);
  const sections = schema.GROUPS.map((group) => {
    const rows = settings.filter((setting) => setting.group === group).map(row);
    return `## ${HEADINGS[group]}\n\n| setting | default | meaning | example |\n|---|---|---|---|\n${rows.join('\n')}\n`;
  });
  return `# Settings

Made by \`npm run generate\` from \`packages/server/src/config/schema.ts\`; edit there.

Settings are environment variables; a file \`.env\` in the working directory is read too, and the environment wins over it.
Each is also read as \`BONGSU_NAME\`, which wins over \`NAME\`. A secret is also read from the file that \`NAME_FILE\` names; giving
both is a fault. An empty value counts as absent. Times have their unit in the name.

\`bongsu config check\` reports every fault at once (exit code 2), \`bongsu config print\` shows what the server would run with, secrets
masked. Names that look like a setting with a slip of the finger are warned of, and so is every unknown \`BONGSU_\` name.

${sections.join('\n')}`;
}

export function renderEnvExample(schema) {
  const settings = settingsOf(schema);
  const sections = schema.GROUPS.map((group) => {
    const entries = settings
      .filter((setting) => setting.group === group)
      .map(({ name, fixed, absent, description, example }) => {
        return `# ${description}\n# Default: ${fixed === undefined ? absent : fixed || 'none'}\n#${name}=${example}\n`;
      });
    return `# ── ${HEADINGS[group]} ──\n\n${entries.join('\n')}`;
  });
  return `# Made by \`npm run generate\` from packages/server/src/config/schema.ts. Copy to .env and take away the # of what you set.\n\n${sections.join('\n')}`;
}

const START = '<!-- catalogue: made by npm run generate -->';
const END = '<!-- end of catalogue -->';

/** Renews the table of docs/errors.md, keeps the prose around it. */
export function renewErrorTable(page, errors) {
  const rows = Object.entries(errors).map(
    ([code, { status, retryable, message }]) =>
      `| \`${code}\` | ${status} | ${retryable ? 'yes' : 'no'} | ${message} |`,
  );
  const table = ['| code | status | retry | message |', '|---|---|---|---|', ...rows].join('\n');
  const [before, rest = ''] = page.split(START);
  const after = rest.split(END)[1];
  if (after === undefined) throw new Error(`docs/errors.md lacks the lines "${START}" and "${END}"`);
  return `${before}${START}\n${table}\n${END}${after}`;
}
