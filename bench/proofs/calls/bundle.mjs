import { fileURLToPath } from 'node:url';
import { build } from 'vite';

/** The script of a caller's window, with all that it imports. */
export async function bundlePage() {
  const built = await build({
    configFile: false,
    logLevel: 'warn',
    root: fileURLToPath(new URL('.', import.meta.url)),
    build: {
      write: false,
      minify: false,
      target: 'es2022',
      rolldownOptions: {
        input: fileURLToPath(new URL('page.mjs', import.meta.url)),
        output: { codeSplitting: false },
      },
    },
  });
  const [{ output }] = [built].flat();
  return output.find(({ isEntry }) => isEntry).code;
}
