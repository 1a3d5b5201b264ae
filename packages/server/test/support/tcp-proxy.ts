export { startTcpProxy, type TcpProxy } from '../../src/chaos/tcp-proxy.js';
