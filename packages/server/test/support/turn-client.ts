import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import {
  type Address,
  ATTRIBUTE,
  type Attributes,
  decodeAddress,
  decodeMessage,
  encodeAddress,
  encodeMessage,
  integrityKey,
  METHOD,
  type StunMessage,
  uint32,
} from './stun-messages.js';

const HOST = '127.0.0.1';
const UDP = Buffer.from([17, 0, 0, 0]);
const UNAUTHORIZED = 401;
const STALE_NONCE = 438;

/** As an RTCPeerConnection gets them. */
export interface TurnCredential {
  username: string;
  credential: string;
}

/** One client of a TURN server on the loopback, and the relay that it asks for. Nothing is repeated: nothing gets lost there. */
export class TurnClient {
  /** What other relays sent to ours. */
  readonly received: string[] = [];
  relay: Address | undefined;
  readonly #waiting = new Map<string, (answer: StunMessage) => void>();
  #realm = '';
  #nonce: Buffer = Buffer.alloc(0);

  private constructor(
    private readonly socket: Socket,
    private readonly port: number,
    private readonly credential: TurnCredential | undefined,
  ) {
    socket.on('message', (datagram) => this.#read(decodeMessage(datagram)));
  }

  static async open(port: number, credential?: TurnCredential): Promise<TurnClient> {
    const socket = createSocket('udp4').bind(0, HOST);
    await once(socket, 'listening');
    return new TurnClient(socket, port, credential);
  }

  /** All that follows answers with the code of the refusal, 0 for none. */
  async allocate(): Promise<number> {
    const answer = await this.#call(METHOD.allocate, [[ATTRIBUTE.requestedTransport, UDP]]);
    const relay = answer.attributes.get(ATTRIBUTE.xorRelayedAddress);
    if (relay) this.relay = decodeAddress(relay);
    return answer.code;
  }

  async refresh(lifetimeSeconds = 600): Promise<number> {
    return (await this.#call(METHOD.refresh, [[ATTRIBUTE.lifetime, uint32(lifetimeSeconds)]])).code;
  }

  /** Lets this address send to our relay, and us to it. */
  async permit(peer: Address): Promise<number> {
    return (await this.#call(METHOD.createPermission, [[ATTRIBUTE.xorPeerAddress, encodeAddress(peer)]]))
      .code;
  }

  /** Asks for nothing but an answer. */
  async ping(): Promise<void> {
    await this.#request(METHOD.binding, []);
  }

  send(peer: Address, text: string): void {
    const attributes: Attributes = [
      [ATTRIBUTE.xorPeerAddress, encodeAddress(peer)],
      [ATTRIBUTE.data, text],
    ];
    this.socket.send(encodeMessage(METHOD.sendIndication, attributes).bytes, this.port, HOST);
  }

  close(): void {
    this.socket.close();
  }

  /** The first try learns the realm and the nonce. */
  async #call(method: number, attributes: Attributes): Promise<StunMessage> {
    for (let tries = 1; ; tries += 1) {
      const answer = await this.#request(method, attributes);
      const isRefused = answer.code === UNAUTHORIZED || answer.code === STALE_NONCE;
      const knew = this.#realm !== '';
      this.#realm = answer.attributes.get(ATTRIBUTE.realm)?.toString() ?? this.#realm;
      this.#nonce = answer.attributes.get(ATTRIBUTE.nonce) ?? this.#nonce;
      if (!isRefused || !this.credential || (knew && answer.code === UNAUTHORIZED) || tries > 2)
        return answer;
    }
  }

  #request(method: number, attributes: Attributes): Promise<StunMessage> {
    const { bytes, transaction } = this.#encode(method, attributes);
    return new Promise((resolve) => {
      this.#waiting.set(transaction, resolve);
      this.socket.send(bytes, this.port, HOST);
    });
  }

  #encode(method: number, attributes: Attributes) {
    if (!this.credential || this.#realm === '') return encodeMessage(method, attributes);
    const { username, credential } = this.credential;
    const own: Attributes = [
      [ATTRIBUTE.username, username],
      [ATTRIBUTE.realm, this.#realm],
      [ATTRIBUTE.nonce, this.#nonce],
    ];
    return encodeMessage(method, [...attributes, ...own], integrityKey(username, this.#realm, credential));
  }

  #read(message: StunMessage): void {
    if (message.type === METHOD.dataIndication) {
      this.received.push(String(message.attributes.get(ATTRIBUTE.data)));
      this.socket.emit('data');
      return;
    }
    this.#waiting.get(message.transaction)?.(message);
    this.#waiting.delete(message.transaction);
  }

  /** Resolves when something comes to our relay. */
  async nextData(): Promise<string | undefined> {
    await once(this.socket, 'data');
    return this.received.at(-1);
  }
}
