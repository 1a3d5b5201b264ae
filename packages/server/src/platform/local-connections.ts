import type { ClosingKey, ConnectionInfo } from '@bongsu/protocol';

/** A connection as its own node knows it. */
export type OwnConnection = Omit<ConnectionInfo, 'node' | 'screenName'>;

/** Where a page ended: the newest are first. */
export type Position = Pick<ConnectionInfo, 'connectedAt' | 'id'>;

export interface ConnectionFilter {
  userId?: string | undefined;
  screenId?: string | undefined;
}

/** The sockets of this node; the gateway implements it. */
export interface LocalConnections {
  /** Each once, in no order. */
  describe(filter: ConnectionFilter): OwnConnection[];
  find(id: string): OwnConnection | undefined;
  /** False when there is no such connection. */
  closeOne(id: string, closing: ClosingKey): boolean;
}
