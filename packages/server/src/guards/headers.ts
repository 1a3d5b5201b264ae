import type { ServerResponse } from 'node:http';
import helmet from '@fastify/helmet';
import type { FastifyInstance } from 'fastify';
import fp from 'fastify-plugin';

const YEAR_SECONDS = 31_536_000;

/**
 * A call needs camera, microphone and the picture of a screen, in pages of ours only: whatever a screen shows in a frame gets none of
 * them, not even if it is asked to share. What the console never asks for nobody can ask for in its name.
 */
const PERMISSIONS_POLICY = [
  'camera=(self)',
  'microphone=(self)',
  'display-capture=(self)',
  'geolocation=()',
  'midi=()',
  'payment=()',
  'usb=()',
].join(', ');

/** Where no page is served and Fastify is not asked. */
export const SOCKET_HEADERS: Readonly<Record<string, string>> = {
  'Content-Security-Policy': "default-src 'none'; frame-ancestors 'none'",
  'Strict-Transport-Security': `max-age=${YEAR_SECONDS}; includeSubDomains`,
  'X-Content-Type-Options': 'nosniff',
  'X-Frame-Options': 'DENY',
  'Referrer-Policy': 'strict-origin-when-cross-origin',
  'Cache-Control': 'no-store',
};

/** The same five on the answers of Engine.IO. */
export function socketHeaders(_request: unknown, response: ServerResponse, next: () => void): void {
  for (const [name, value] of Object.entries(SOCKET_HEADERS)) response.setHeader(name, value);
  next();
}

/**
 * The five headers: CSP, HSTS, X-Content-Type-Options, X-Frame-Options, Referrer-Policy. The CSP is the one the console lives
 * under: nothing inline and nothing from elsewhere, but frames of any page, because a screen shows what it is told to
 * navigate to. Nobody may frame this site. Besides them Permissions-Policy, for the pages.
 */
export const securityHeaders = fp(async (app: FastifyInstance) => {
  app.addHook('onRequest', async (_request, reply) => {
    reply.header('Permissions-Policy', PERMISSIONS_POLICY);
  });
  await app.register(helmet, {
    contentSecurityPolicy: {
      useDefaults: false,
      directives: {
        defaultSrc: ["'self'"],
        scriptSrc: ["'self'"],
        styleSrc: ["'self'"],
        imgSrc: ["'self'"],
        fontSrc: ["'self'"],
        // Not every browser counts ws: and wss: of this origin as 'self'.
        connectSrc: ["'self'", 'ws:', 'wss:'],
        frameSrc: ['http:', 'https:'],
        frameAncestors: ["'none'"],
        objectSrc: ["'none'"],
        baseUri: ["'none'"],
        formAction: ["'self'"],
      },
    },
    strictTransportSecurity: { maxAge: YEAR_SECONDS, includeSubDomains: true },
    referrerPolicy: { policy: 'strict-origin-when-cross-origin' },
    frameguard: { action: 'deny' },
    // A framed page of another origin must stay loadable on a screen.
    crossOriginEmbedderPolicy: false,
  });
});
