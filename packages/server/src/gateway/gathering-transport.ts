import { transports } from 'engine.io';
import type { Server, Socket } from 'socket.io';

type WebSocketTransport = InstanceType<typeof transports.websocket>;
type Request = ConstructorParameters<typeof transports.websocket>[0];
type Packet = Parameters<WebSocketTransport['send']>[0][number];
type TextPacket = Packet & { data: string };
type Transport = Socket['conn']['transport'];

const TEXT_OPCODE_FIN = 0x81;
/** Engine.IO's type of a message, which stands before its text. */
const MESSAGE = 0x34;
/** Longest payloads that a frame's first byte of length, and its two further bytes, can say. */
const LENGTH_7 = 125;
const LENGTH_16 = 0xffff;
const OPEN = 1;

/**
 * Engine.IO's websocket, which writes each packet on its own: the acks of one batch to one sender would be one system call each.
 * This one gathers what is sent within a turn and writes its frames as one buffer: a third less CPU a command
 * (docs/decisions/0034). Nothing waits longer than the turn.
 */
class GatheringWebSocket extends transports.websocket {
  #gathered: Packet[] = [];
  #scheduled = false;

  override send(packets: Packet[]): void {
    this.writable = false;
    for (const packet of packets) this.#gathered.push(packet);
    if (this.#scheduled) return;
    this.#scheduled = true;
    // After the microtasks: by then every promise of the batch has been answered.
    process.nextTick(() => {
      this.#collect();
      this.#scheduled = false;
      this.#write();
    });
  }

  override doClose(done?: () => void): void {
    this.#write();
    super.doClose(done);
  }

  /** Engine.IO keeps what comes after its first packet until that one is said to be sent; here it comes to `send` at once. */
  #collect(): void {
    this.emit('drain');
    this.writable = true;
    this.emit('ready');
    this.writable = false;
  }

  #write(): void {
    const packets = this.#gathered;
    if (packets.length === 0) return;
    this.#gathered = [];
    const { socket } = this as unknown as { socket: { readyState: number } };
    // With compression Engine.IO would not write ready-made frames.
    const mayEncode = socket.readyState === OPEN && !this.perMessageDeflate && packets.every(isText);
    super.send(mayEncode && !isBroadcastAlone(packets) ? [inOneFrame(packets)] : packets);
  }
}

function isText(packet: Packet): packet is TextPacket {
  return packet.type === 'message' && typeof packet.data === 'string';
}

/** Its frame is written as it is. */
function isBroadcastAlone(packets: readonly Packet[]): boolean {
  const [only] = packets;
  return packets.length === 1 && only !== undefined && readyFrame(only) !== undefined;
}

/** The only packet whose bytes Engine.IO writes as they are is one with `wsPreEncodedFrame`: all frames travel as one. */
function inOneFrame(packets: readonly TextPacket[]): Packet {
  const [first] = packets;
  return {
    type: 'message',
    data: '',
    options: { ...first?.options, wsPreEncodedFrame: [encodeFrames(packets)] } as never,
  };
}

/** What Socket.IO's adapter has made of a broadcast, once for all who get it: header and payload. */
function readyFrame({ options }: Packet): readonly Buffer[] | undefined {
  return (options as { wsPreEncodedFrame?: readonly Buffer[] } | undefined)?.wsPreEncodedFrame;
}

/** RFC 6455, server to client: unmasked text frames. Those of broadcasts are copied. */
function encodeFrames(packets: readonly TextPacket[]): Buffer {
  const ready = packets.map(readyFrame);
  const lengths = packets.map(({ data }, index) => (ready[index] ? 0 : 1 + Buffer.byteLength(data)));
  const frames = Buffer.allocUnsafe(
    lengths.reduce(
      (total, length, index) => total + (bytesOf(ready[index]) ?? headerBytes(length) + length),
      0,
    ),
  );
  let at = 0;
  packets.forEach(({ data }, index) => {
    const frame = ready[index];
    if (frame) {
      for (const part of frame) at += part.copy(frames, at);
      return;
    }
    const length = lengths[index] ?? 0;
    at = writeHeader(frames, at, length);
    frames[at] = MESSAGE;
    frames.write(data, at + 1);
    at += length;
  });
  return frames;
}

function bytesOf(frame: readonly Buffer[] | undefined): number | undefined {
  return frame?.reduce((total, part) => total + part.length, 0);
}

function headerBytes(length: number): number {
  return length <= LENGTH_7 ? 2 : length <= LENGTH_16 ? 4 : 10;
}

function writeHeader(frames: Buffer, at: number, length: number): number {
  frames[at] = TEXT_OPCODE_FIN;
  if (length <= LENGTH_7) {
    frames[at + 1] = length;
    return at + 2;
  }
  if (length <= LENGTH_16) {
    frames[at + 1] = 126;
    return frames.writeUInt16BE(length, at + 2);
  }
  frames[at + 1] = 127;
  return frames.writeBigUInt64BE(BigInt(length), at + 2);
}

/** From now on websockets of this server gather. */
export function gatherFrames(io: Server): void {
  const engine = io.engine as unknown as { createTransport(name: string, request: Request): Transport };
  const create = engine.createTransport.bind(engine);
  engine.createTransport = (name, request) =>
    name === 'websocket' ? new GatheringWebSocket(request) : create(name, request);
}
