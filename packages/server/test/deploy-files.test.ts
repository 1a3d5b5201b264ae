import { execFileSync } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it, onTestFinished } from 'vitest';
import { missingPrograms } from './support/on-path.js';

const DEPLOY = fileURLToPath(new URL('../../../deploy/', import.meta.url));

/** What the balancers of bench/lib/balancer.mjs edit before they use it, and what they do not use at all. */
describe.skipIf(missingPrograms('nginx', 'haproxy').length > 0)('the files of deploy', () => {
  const makeFolder = () => {
    const folder = mkdtempSync(join(tmpdir(), 'bongsu-deploy-'));
    onTestFinished(() => rmSync(folder, { recursive: true }));
    return folder;
  };

  it('[DEP3] haproxy.cfg is valid as it is, without TLS too', () => {
    const file = join(DEPLOY, 'haproxy/haproxy.cfg');
    expect(execFileSync('haproxy', ['-c', '-f', file], { stdio: 'pipe' }).toString()).toContain('valid');
  });

  it('[DEP3] nginx.conf is valid as it is', () => {
    const folder = makeFolder();
    cpSync(join(DEPLOY, 'nginx'), folder, { recursive: true });
    const file = join(folder, 'nginx.conf');
    // The places of its packages may be root's.
    const places = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map(
      (name) => `${name}_temp_path ${join(folder, name)};`,
    );
    writeFileSync(
      join(folder, 'bongsu.conf'),
      `${places.join('\n')}\n${readFileSync(join(folder, 'bongsu.conf'), 'utf8')}`,
    );
    const args = ['-t', '-p', folder, '-c', file, '-e', 'stderr', '-g', `pid ${join(folder, 'pid')};`];
    expect(() => execFileSync('nginx', args, { stdio: 'pipe' })).not.toThrow();
  });
});
