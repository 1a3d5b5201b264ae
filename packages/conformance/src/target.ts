import type { Place } from './support/places.js';

/** A running Bongsu, and what the suite may know of it. Everything optional unlocks rules that cannot be seen without it. */
export interface Target {
  /** e.g. "http://127.0.0.1:3000", no trailing slash. */
  url: string;
  /** Several nodes of it: sockets connect to them in turn, so that those who talk to each other are on different ones. */
  sockets?: readonly Place[];
  /** Of a node without any proxy, where `url` leads through one. */
  neighbourUrl?: string;
  /** An administrator's. */
  admin?: { email: string; password: string };
  /** A correctly signed access token past its end. */
  expiredToken?: string;
  /** Its JWT_ALG: tokens are seen to be signed by it. */
  algorithm?: 'EdDSA' | 'ES256' | 'HS256';
  /** An origin of CORS_ORIGINS. */
  allowedOrigin?: string;
}
