export interface BalancerOptions {
  engine: 'nginx' | 'haproxy';
  ports: readonly number[];
  port?: number;
  sticky?: boolean;
}
export interface Balancer {
  engine: 'nginx' | 'haproxy';
  port: number;
  url: string;
  secureUrl: string;
  certificate: string;
  use(ports: readonly number[]): Promise<void>;
  admin(line: string): Promise<string>;
  freeze(): void;
  thaw(): void;
  kill(): Promise<void>;
  restart(): Promise<void>;
  stop(): Promise<void>;
}
export function startBalancer(options: BalancerOptions): Promise<Balancer>;
