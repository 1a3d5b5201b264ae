import { readdirSync } from 'node:fs';

/** Every attack of the catalogue, by its number. */
export async function readCatalogue() {
  const folder = new URL('./catalogue/', import.meta.url);
  const files = readdirSync(folder)
    .filter((name) => name.endsWith('.mjs'))
    .sort();
  const modules = await Promise.all(files.map((name) => import(new URL(name, folder))));
  return modules
    .flatMap((module) => module.default)
    .sort((left, right) => Number(left.id.slice(2)) - Number(right.id.slice(2)));
}
