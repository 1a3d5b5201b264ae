// Joins a room, or makes it, says hello, and shows who comes and what they say until Ctrl+C.
import { ClientTokenManager, connect } from '@bongsu/client';

const {
  BONGSU_URL: url = 'http://127.0.0.1:3000',
  BONGSU_EMAIL,
  BONGSU_PASSWORD,
  BONGSU_ROOM: roomId = 'stand-up',
} = process.env;
if (!BONGSU_EMAIL || !BONGSU_PASSWORD) stop('Set BONGSU_EMAIL and BONGSU_PASSWORD.');

const tokens = new ClientTokenManager({ url });
await tokens.login({ email: BONGSU_EMAIL, password: BONGSU_PASSWORD }).catch(stop);
const client = connect({ url, tokens });

const room = await client
  .joinRoom(roomId, { onWaiting: () => console.log('waiting to be let in') })
  .catch((error) => {
    // It is closed a minute after the last one left.
    if (!['ROOM_NOT_FOUND', 'ROOM_CLOSED'].includes(error.code)) throw error;
    return client.createRoom({ roomId, name: 'Stand-up' });
  })
  .catch(stop);
console.log(`joined ${roomId}, ${room.participants.size} there`);
room.on('joined', ({ username }) => console.log(`${username} came`));
room.on('left', ({ username, reason }) => console.log(`${username} left (${reason})`));
room.on('message', ({ from, data }) => console.log(`${from.username}: ${data.text}`));
room.on('closed', async ({ reason }) => {
  console.log(`over: ${reason}`);
  await client.close();
  tokens.close();
});
process.once('SIGINT', () => room.leave());
const { seq } = await room.send({ text: 'hello' });
console.log(`said as number ${seq}`); // durable: it is in room.history() from here on

function stop(error) {
  console.error(error.code ?? error);
  process.exit(1);
}
