import { execFileSync } from 'node:child_process';
import { chmodSync, cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { freePort, isAlive, start, stop, until, untilAnswers } from './processes.mjs';

const DEPLOY = fileURLToPath(new URL('../../deploy/', import.meta.url));
const LOOPBACK = '127.0.0.1';

/**
 * nginx or HAProxy with the configuration of deploy/, on the loopback, in front of nodes on the loopback.
 * @param options.engine `nginx` or `haproxy`
 * @param options.ports of the nodes
 * @param options.sides `{address, port}` each: whoever comes from that address of the loopback has that node while it lives
 * @param options.sticky false for one that sends requests to the nodes in turn, whoever they are of: what not to do
 */
export async function startBalancer({ engine, ports, port, sides = [], sticky = true }) {
  // Short: the path of a socket has a hundred bytes at most.
  const folder = mkdtempSync(join(tmpdir(), `${engine}-`));
  // The workers of nginx are not root.
  chmodSync(folder, 0o755);
  const place = { folder, port: port ?? (await freePort()), tlsPort: await freePort(), sides, sticky };
  const control = { nginx: nginx(place), haproxy: haproxy(place) }[engine];
  certificate(folder);
  control.write(ports);
  control.check();
  let child;
  // HAProxy logs to stdout, which may be somebody's JSON; what ails either is on stderr.
  const launch = async () => {
    child = start(control.command, control.args, { cwd: folder, stdio: ['ignore', 'ignore', 'inherit'] });
    await untilAnswers(engine, child, () => listens(place.port));
  };
  const end = async () => {
    // Its workers would live on; killed before it, they would be replaced.
    const workers = childrenOf(child.pid);
    await stop(child, 'SIGKILL');
    for (const pid of workers) kill(pid);
  };
  try {
    await launch();
  } catch (error) {
    rmSync(folder, { recursive: true, force: true });
    throw error;
  }
  return {
    engine,
    port: place.port,
    url: `http://${LOOPBACK}:${place.port}`,
    secureUrl: `https://localhost:${place.tlsPort}`,
    /** PEM of the certificate that signs itself. */
    certificate: readFileSync(join(folder, 'certificate.pem'), 'utf8'),
    get child() {
      return child;
    },
    /** New connections go to these nodes from now on; the old ones stay. */
    async use(newPorts) {
      control.write(newPorts);
      control.check();
      await control.reload(child);
    },
    /** One line of HAProxy's admin socket, and its answer. */
    admin: (line) => control.admin(line),
    /** Its workers stand still, and are as they were after `thaw`. */
    freeze: () => signalAll(child, 'SIGSTOP'),
    thaw: () => signalAll(child, 'SIGCONT'),
    kill: end,
    async restart() {
      if (isAlive(child)) await end();
      await launch();
    },
    async stop() {
      if (isAlive(child)) await end();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

function nginx({ folder, port, tlsPort, sides, sticky }) {
  const command = 'nginx';
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'];
  const args = ['-p', folder, '-c', join(folder, 'nginx-tls.conf'), '-e', 'stderr'];
  const main = ['-g', `daemon off; pid ${join(folder, 'pid')};`];
  return {
    command,
    args: [...args, ...main],
    write(ports) {
      cpSync(join(DEPLOY, 'nginx'), folder, { recursive: true });
      edit(join(folder, 'nginx-tls.conf'), [
        ['listen 8080', `listen ${LOOPBACK}:${port}`],
        ['listen 8443', `listen ${LOOPBACK}:${tlsPort}`],
        // As many as root may have here.
        [/worker_rlimit_nofile.*\n/, ''],
        [/worker_processes auto;/, 'worker_processes 2;'],
      ]);
      const paths = temporary.map((name) => `${name}_temp_path ${join(folder, name)};`).join('\n');
      edit(join(folder, 'bongsu.conf'), [
        [/^/, `${paths}\n`],
        ...(sticky ? [] : [[/hash .* consistent;/g, '']]),
      ]);
      const linesOf = (name) => {
        const [line] = serverLines(join(DEPLOY, 'nginx', name));
        return (each) => line.replace(/127\.0\.0\.1:\d+/, `${LOOPBACK}:${each}`);
      };
      const server = linesOf('socket-nodes.conf');
      writeFileSync(join(folder, 'nodes.conf'), ports.map(linesOf('nodes.conf')).join('\n'));
      writeFileSync(join(folder, 'socket-nodes.conf'), ports.map(server).join('\n'));
      if (sides.length > 0) {
        const others = (own) => ports.filter((each) => each !== own).map(server);
        const upstreams = sides.map(({ port: own }, n) =>
          [
            `upstream side_${n} {`,
            server(own),
            ...others(own).map((one) => one.replace(';', ' backup;')),
            '}',
          ].join('\n'),
        );
        const chosen = sides.map(({ address }, n) => `${address} side_${n};`).join(' ');
        const map = `map $remote_addr $bongsu_side { default bongsu_sockets; ${chosen} }`;
        edit(join(folder, 'bongsu.conf'), [[/$/, `\n${[map, ...upstreams].join('\n')}\n`]]);
        edit(join(folder, 'locations.conf'), [['http://bongsu_sockets', 'http://$bongsu_side']]);
      }
    },
    check: () =>
      execFileSync(command, ['-t', '-q', ...args, ...main], { stdio: ['ignore', 'inherit', 'inherit'] }),
    async reload(child) {
      const old = childrenOf(child.pid);
      child.kill('SIGHUP');
      await until('nginx has new workers', () => childrenOf(child.pid).some((pid) => !old.includes(pid)));
      // They take new connections beside them for a moment.
      await until('the old workers take no more', () => old.every(isLeaving));
    },
    admin: () => Promise.reject(new Error('nginx has no admin socket')),
  };
}

function haproxy({ folder, port, tlsPort, sides, sticky }) {
  const command = 'haproxy';
  const files = ['haproxy.cfg', 'tls.cfg'].flatMap((name) => ['-f', join(folder, name)]);
  const socket = join(folder, 'admin.sock');
  return {
    command,
    args: ['-W', '-db', ...files],
    write(ports) {
      cpSync(join(DEPLOY, 'haproxy'), folder, { recursive: true });
      const servers = serverLines(join(folder, 'haproxy.cfg'));
      const lines = ports.map((each, n) =>
        servers[0].replace(/"[^"]*"/, `${LOOPBACK}:${each}`).replaceAll('node-1', `node-${n + 1}`),
      );
      // For tests that have to know where their sockets go.
      const steering = ports.map((each, n) => {
        const conditions = sides
          .filter(({ port: own }) => own === each)
          .map(({ address }) => ` || { src ${address} }`)
          .join('');
        return `  use-server node-${n + 1} if { req.hdr(x-test-node) node-${n + 1} }${conditions}`;
      });
      edit(join(folder, 'haproxy.cfg'), [
        [servers.join('\n'), [...steering, ...lines].join('\n')],
        // Whoever runs this is somebody else, and may be nobody who can change that.
        [/ {2}user haproxy\n {2}group haproxy\n/, ''],
        // Twice as many files as connections, which must be allowed here.
        ['maxconn 20000', 'maxconn 9000'],
        ['bind :8080', `bind ${LOOPBACK}:${port}`],
        ['/var/lib/haproxy/admin.sock', socket],
        ...(sticky
          ? []
          : [
              [/ {2}(cookie|stick on) .*\n/g, ''],
              [/ cookie node-\d+/g, ''],
              ['leastconn', 'roundrobin'],
            ]),
      ]);
      const pem = join(folder, 'bongsu.pem');
      edit(join(folder, 'tls.cfg'), [
        ['bind :8443', `bind ${LOOPBACK}:${tlsPort}`],
        [/"\$\{BONGSU_CERTIFICATE[^"]*"/, pem],
      ]);
      const parts = ['certificate.pem', 'certificate.key'].map((name) =>
        readFileSync(join(folder, name), 'utf8'),
      );
      writeFileSync(pem, parts.join(''), { mode: 0o600 });
    },
    check: () => execFileSync(command, ['-c', '-q', ...files], { stdio: ['ignore', 'inherit', 'inherit'] }),
    async reload(child) {
      const old = childrenOf(child.pid);
      child.kill('SIGUSR2');
      await until('HAProxy has a new worker', () => childrenOf(child.pid).some((pid) => !old.includes(pid)));
    },
    admin: (line) => ask(socket, line),
  };
}

/** Replaces; each must be there, or the shipped file has changed and this has not. */
function edit(path, changes) {
  let text = readFileSync(path, 'utf8');
  for (const [from, to] of changes) {
    const changed = text.replace(from, () => to);
    if (changed === text) throw new Error(`${path} has no ${from}`);
    text = changed;
  }
  writeFileSync(path, text);
}

const serverLines = (path) =>
  readFileSync(path, 'utf8')
    .split('\n')
    .filter((line) => /^\s*server \S+[:"]/.test(line) || /^\s*server node-/.test(line));

/** For localhost, and signed by itself. */
function certificate(folder) {
  const subject = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost,IP:127.0.0.1'];
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];
  const files = ['-keyout', join(folder, 'certificate.key'), '-out', join(folder, 'certificate.pem')];
  execFileSync('openssl', ['req', '-x509', '-days', '2', ...key, ...subject, ...files], { stdio: 'ignore' });
}

function childrenOf(pid) {
  try {
    return readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8')
      .trim()
      .split(' ')
      .filter(Boolean)
      .map(Number);
  } catch {
    return [];
  }
}

function signalAll({ pid }, signal) {
  for (const worker of childrenOf(pid)) process.kill(worker, signal);
}

function isLeaving(pid) {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes('shutting down');
  } catch {
    return true;
  }
}

function kill(pid) {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // It ended meanwhile.
  }
}

function listens(port) {
  return new Promise((resolve) => {
    const socket = connect(port, LOOPBACK, () => resolve(socket.destroy() !== undefined));
    socket.once('error', () => resolve(false));
  });
}

function ask(path, line) {
  return new Promise((resolve, reject) => {
    let answer = '';
    const socket = connect(path, () => socket.end(`${line}\n`));
    socket.on('data', (data) => {
      answer += data;
    });
    socket.once('error', reject);
    socket.once('end', () => resolve(answer.trim()));
  });
}
