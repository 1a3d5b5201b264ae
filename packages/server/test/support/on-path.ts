import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';

function isOnPath(name: string): boolean {
  return (process.env.PATH ?? '').split(delimiter).some((folder) => {
    try {
      accessSync(join(folder, name), constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}

/** Which of these programs are not there. @throws Error where all must be: in CI */
export function missingPrograms(...names: string[]): string[] {
  const missing = names.filter((name) => !isOnPath(name));
  if (missing.length > 0 && process.env.CI === 'true')
    throw new Error(`Not on the PATH: ${missing.join(', ')}`);
  return missing;
}
