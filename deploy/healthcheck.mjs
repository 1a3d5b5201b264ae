/** The HEALTHCHECK of the image: ends with 0 when the server can take commands, with 1 and the reason when not. Needs no curl. */
const { HOST = '127.0.0.1', PORT = '3000', BONGSU_HOST = HOST, BONGSU_PORT = PORT } = process.env;
/** Docker's own limit is 3 s; a node waits 1.5 s for its database. */
const PATIENCE_MS = 2500;
// The server listens on all addresses or on one.
const address = /^(0\.0\.0\.0|::)$/.test(BONGSU_HOST) ? '127.0.0.1' : BONGSU_HOST;
const host = address.includes(':') ? `[${address}]` : address;

try {
  const url = `http://${host}:${BONGSU_PORT}/api/health`;
  const answer = await fetch(url, { signal: AbortSignal.timeout(PATIENCE_MS) });
  console.log(await answer.text());
  process.exitCode = answer.ok ? 0 : 1;
} catch (error) {
  console.log(String(error.cause ?? error));
  process.exitCode = 1;
}
