// Decides about commands for COMMAND_HOOK_URL and prints what became of them. Needs nothing but Node.
import { createHmac, timingSafeEqual } from 'node:crypto';
import { createServer } from 'node:http';

const { COMMAND_HOOK_SECRET: secret, PORT = '4000', REFUSED_ACTION = 'self-destruct' } = process.env;
if (!secret) {
  console.error('Set COMMAND_HOOK_SECRET to the same value as the server has.');
  process.exit(1);
}
const OLDEST_SECONDS = 300;
const MOST_BYTES = 256 * 1024;

/** True when the bytes were signed with our secret, in the last five minutes. */
function isGenuine(headers, body) {
  const timestamp = String(headers['bongsu-timestamp']);
  const age = Math.abs(Date.now() / 1000 - Number(timestamp));
  if (!/^\d+$/.test(timestamp) || age > OLDEST_SECONDS) return false;
  const hmac = createHmac('sha256', secret).update(`${timestamp}.`).update(body).digest('hex');
  const [expected, given] = [`v1=${hmac}`, String(headers['bongsu-signature'])].map((text) =>
    Buffer.from(text),
  );
  // In constant time: the time of an answer must not tell how much of a guess was right.
  return expected.length === given.length && timingSafeEqual(expected, given);
}

async function readBody(request) {
  const chunks = [];
  let bytes = 0;
  for await (const chunk of request) {
    bytes += chunk.length;
    if (bytes > MOST_BYTES) return undefined;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

/** A status and what the sender of a refused command is told. It may be asked twice about one id: decide the same. */
function decide({ command }) {
  if (command.action === REFUSED_ACTION) return [403, `${command.from.username} may not ${command.action}.`];
  console.log(`allowed ${command.type} ${command.id}`);
  return [200];
}

/** May come twice, in any order: `event.id` tells whether it is new. Anything but 2xx makes it come again. */
function note({ event }) {
  const reason = event.reason ? ` (${event.reason})` : '';
  console.log(`${event.type} ${event.commandId} on ${event.screenId}${reason}`);
  return [204];
}

const server = createServer(async (request, response) => {
  const answer = (status, message) => {
    response.writeHead(status, { 'content-type': 'application/json' });
    response.end(message && JSON.stringify({ message }));
  };
  try {
    const body = await readBody(request);
    if (!body) return answer(413);
    if (!isGenuine(request.headers, body)) return answer(401, 'The signature is not valid.');
    const message = JSON.parse(body);
    answer(...(request.headers['bongsu-event'] === 'command' ? decide(message) : note(message)));
  } catch (error) {
    console.error(error);
    answer(500);
  }
});
server.listen(Number(PORT), '127.0.0.1', () => {
  console.log(`listening on http://127.0.0.1:${server.address().port}/`);
});
for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => server.close());
