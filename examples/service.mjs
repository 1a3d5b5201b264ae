// A service with an API key (scopes commands:read and commands:write): no log-in, no refresh, two lines to be connected.
import { connect } from '@bongsu/client';

const { BONGSU_URL: url = 'http://127.0.0.1:3000', BONGSU_API_KEY, BONGSU_SCREEN_ID } = process.env;
if (!BONGSU_API_KEY || !BONGSU_SCREEN_ID) {
  console.error('Set BONGSU_API_KEY and BONGSU_SCREEN_ID.');
  process.exit(1);
}
const client = connect({ url, token: BONGSU_API_KEY });

try {
  const { executed } = await client.trigger({ screenId: BONGSU_SCREEN_ID }, 'play', { clip: 7 });
  console.log((await executed).status); // executed, or how else it ended
} catch (error) {
  console.error(error.code);
  process.exitCode = 1;
} finally {
  await client.close();
}
