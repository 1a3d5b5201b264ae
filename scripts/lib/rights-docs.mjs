const START = '<!-- rights: made by npm run generate -->';
const END = '<!-- end of rights -->';
const ROLES = ['owner', 'controller', 'admin'];

/** Renews the table of rights in docs/identity.md from `RIGHTS` (packages/server/dist/platform/rights.js), keeps the prose around it. */
export function renewRights(page, rights) {
  const rows = Object.entries(rights).map(([name, { what, access, scope, to, stepUp }]) => {
    const scopes = scope === null ? '–' : `\`${scope}\``;
    const roles = to === undefined ? '' : ROLES.filter((role) => to.includes(role)).join(', ');
    return `| \`${name}\` | ${what} | ${access} | ${roles} | ${scopes} | ${stepUp ? 'yes' : ''} |`;
  });
  const head = [
    '| right | lets one | who | to the screen | API key | fresh proof |',
    '|---|---|---|---|---|---|',
  ];
  const [before, rest = ''] = page.split(START);
  const after = rest.split(END)[1];
  if (after === undefined) throw new Error(`docs/identity.md lacks the lines "${START}" and "${END}"`);
  return `${before}${START}\n${[...head, ...rows].join('\n')}\n${END}${after}`;
}
