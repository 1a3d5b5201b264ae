import type { Balancer } from './balancer.mjs';

export interface ClusterOptions {
  nodes?: number;
  balancer?: 'nginx' | 'haproxy';
  port?: number;
  settings?: Record<string, string>;
  lifted?: boolean;
  sticky?: boolean;
  signal?: AbortSignal;
}
export interface ClusterNode {
  readonly name: string;
  readonly port: number;
  readonly url: string;
  readonly alive: boolean;
  readonly output: string;
  start(settings?: Record<string, string>): Promise<void>;
  kill(): Promise<void>;
  stop(): Promise<void>;
  freeze(): void;
  thaw(): void;
}
export class Cluster {
  static start(options?: ClusterOptions): Promise<Cluster>;
  readonly nodes: ClusterNode[];
  readonly balancer: Balancer;
  readonly url: string;
  addNode(settings?: Record<string, string>): Promise<ClusterNode>;
  removeNode(node: ClusterNode): Promise<void>;
  stop(): Promise<void>;
}
