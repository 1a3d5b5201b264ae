// Logs in, sends one trigger, and waits until the screen has executed it.
import { ClientTokenManager, CommandError, connect } from '@bongsu/client';

const {
  BONGSU_URL: url = 'http://127.0.0.1:3000',
  BONGSU_EMAIL,
  BONGSU_PASSWORD,
  BONGSU_SCREEN_ID,
} = process.env;
if (!BONGSU_EMAIL || !BONGSU_PASSWORD || !BONGSU_SCREEN_ID)
  stop('Set BONGSU_EMAIL, BONGSU_PASSWORD and BONGSU_SCREEN_ID.');

const tokens = new ClientTokenManager({ url });
await tokens.login({ email: BONGSU_EMAIL, password: BONGSU_PASSWORD }).catch(stop);
const client = connect({ url, tokens });

try {
  const command = await client.trigger({ screenId: BONGSU_SCREEN_ID }, 'play', { clip: 7 });
  console.log(`accepted ${command.id} as number ${command.seq}`); // durable: it survives any crash from here on
  const { status } = await command.executed;
  console.log(status); // executed, or how else it ended
} catch (error) {
  if (!(error instanceof CommandError)) throw error;
  console.error(error.code, error.definite ? 'and it will never run' : `ask for ${error.id} again`);
  process.exitCode = 1;
} finally {
  client.close();
  tokens.close();
}

function stop(error) {
  console.error(error.code ?? error);
  process.exit(1);
}
