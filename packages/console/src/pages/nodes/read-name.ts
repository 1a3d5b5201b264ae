export type Named = { user: string } | { screen: string } | { email: string };

/** What somebody typed to find a person or a screen by; undefined when it can be neither's. */
export function readName(typed: string): Named | undefined {
  const name = typed.trim();
  if (name.includes('@')) return { email: name };
  if (/^scr_\S+$/.test(name)) return { screen: name };
  if (/^[\da-f]{8}(-[\da-f]{4}){3}-[\da-f]{12}$/i.test(name)) return { user: name };
  return undefined;
}
