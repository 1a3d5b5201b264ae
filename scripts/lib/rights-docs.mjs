const START = '<!-- rights: made by npm run generate -->';
const END = '<!-- end of rights -->';
const ROLES = ['owner', 'controller', 'member', 'admin'];

/**
 * Renews the tables in docs/identity.md: rights from `RIGHTS`, and what sockets are told from `PUSH_SCOPES`
 * (packages/server/dist/platform/rights.js). Keeps the prose around them.
 */
export function renewRights(page, rights, pushScopes) {
  const rows = Object.entries(rights).map(
    ([name, { what, access, scope, besides, to, within, stepUp, withoutFactor }]) => {
      const needed = [scope, besides].filter((one) => one !== undefined);
      const scopes = scope === null ? '–' : needed.map((one) => `\`${one}\``).join(' and ');
      const enough = to ?? within ?? [];
      const roles = ROLES.filter((role) => enough.includes(role)).join(', ');
      return `| \`${name}\` | ${what} | ${access} | ${roles} | ${scopes} | ${stepUp ? 'yes' : ''} | ${!withoutFactor && ['user', 'admin'].includes(access) ? 'yes' : ''} |`;
    },
  );
  const head = [
    '| right | lets one | who | to the screen or room | API key | fresh proof | factor, if required |',
    '|---|---|---|---|---|---|---|',
  ];
  const pushes = Object.entries(pushScopes).map(
    ([event, scopes]) => `| \`${event}\` | ${scopes.map((scope) => `\`${scope}\``).join(' or ')} |`,
  );
  const pushHead = ['| the socket of an API key is told of | with |', '|---|---|'];
  const tables = [...head, ...rows, '', ...pushHead, ...pushes].join('\n');
  const [before, rest = ''] = page.split(START);
  const after = rest.split(END)[1];
  if (after === undefined) throw new Error(`docs/identity.md lacks the lines "${START}" and "${END}"`);
  return `${before}${START}\n${tables}\n${END}${after}`;
}
