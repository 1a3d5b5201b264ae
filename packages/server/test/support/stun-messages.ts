import { createHash, createHmac, randomBytes } from 'node:crypto';

// What a TURN client needs of STUN (RFC 8489, RFC 8656), over IPv4.

export const METHOD = {
  binding: 0x001,
  allocate: 0x003,
  refresh: 0x004,
  createPermission: 0x008,
  sendIndication: 0x016,
  dataIndication: 0x017,
} as const;

export const ATTRIBUTE = {
  username: 0x0006,
  integrity: 0x0008,
  errorCode: 0x0009,
  lifetime: 0x000d,
  xorPeerAddress: 0x0012,
  data: 0x0013,
  realm: 0x0014,
  nonce: 0x0015,
  xorRelayedAddress: 0x0016,
  requestedTransport: 0x0019,
} as const;

const COOKIE = 0x2112a442;
const HEADER_BYTES = 20;
const INTEGRITY_BYTES = 24;
const IPV4 = 1;

export type Attributes = [type: number, value: Buffer | string][];

export interface StunMessage {
  type: number;
  transaction: string;
  attributes: ReadonlyMap<number, Buffer>;
  /** Of an error answer; 0 otherwise. */
  code: number;
}

export interface Address {
  host: string;
  port: number;
}

function encodeAttribute(type: number, value: Buffer | string): Buffer {
  const bytes = Buffer.from(value);
  const header = Buffer.alloc(4);
  header.writeUInt16BE(type, 0);
  header.writeUInt16BE(bytes.length, 2);
  return Buffer.concat([header, bytes, Buffer.alloc(-bytes.length & 3)]);
}

function encodeHeader(type: number, length: number, transaction: Buffer): Buffer {
  const header = Buffer.alloc(8);
  header.writeUInt16BE(type, 0);
  header.writeUInt16BE(length, 2);
  header.writeUInt32BE(COOKIE, 4);
  return Buffer.concat([header, transaction]);
}

/** @param key of MESSAGE-INTEGRITY; undefined leaves it away */
export function encodeMessage(type: number, attributes: Attributes, key?: Buffer) {
  const transaction = randomBytes(12);
  const body = Buffer.concat(attributes.map(([name, value]) => encodeAttribute(name, value)));
  const plain = Buffer.concat([encodeHeader(type, body.length, transaction), body]);
  const id = transaction.toString('hex');
  if (!key) return { transaction: id, bytes: plain };
  // The code is over the message with the length that it has together with the code.
  plain.writeUInt16BE(body.length + INTEGRITY_BYTES, 2);
  const mac = createHmac('sha1', key).update(plain).digest();
  return { transaction: id, bytes: Buffer.concat([plain, encodeAttribute(ATTRIBUTE.integrity, mac)]) };
}

export function decodeMessage(bytes: Buffer): StunMessage {
  const attributes = new Map<number, Buffer>();
  for (let at = HEADER_BYTES; at + 4 <= bytes.length; ) {
    const length = bytes.readUInt16BE(at + 2);
    attributes.set(bytes.readUInt16BE(at), bytes.subarray(at + 4, at + 4 + length));
    at += 4 + length + (-length & 3);
  }
  const error = attributes.get(ATTRIBUTE.errorCode);
  return {
    type: bytes.readUInt16BE(0),
    transaction: bytes.subarray(8, HEADER_BYTES).toString('hex'),
    attributes,
    code: error ? error.readUInt8(2) * 100 + error.readUInt8(3) : 0,
  };
}

export function integrityKey(username: string, realm: string, credential: string): Buffer {
  return createHash('md5').update(`${username}:${realm}:${credential}`).digest();
}

export function encodeAddress({ host, port }: Address): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeUInt8(IPV4, 1);
  bytes.writeUInt16BE(port ^ (COOKIE >>> 16), 2);
  const address = Buffer.from(host.split('.').map(Number)).readUInt32BE(0);
  bytes.writeUInt32BE((address ^ COOKIE) >>> 0, 4);
  return bytes;
}

export function decodeAddress(bytes: Buffer): Address {
  const address = Buffer.alloc(4);
  address.writeUInt32BE((bytes.readUInt32BE(4) ^ COOKIE) >>> 0);
  return { host: [...address].join('.'), port: bytes.readUInt16BE(2) ^ (COOKIE >>> 16) };
}

export function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}
