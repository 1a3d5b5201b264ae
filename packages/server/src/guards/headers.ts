import helmet from '@fastify/helmet';
import type { FastifyInstance } from 'fastify';
import fp from 'fastify-plugin';

const YEAR_SECONDS = 31_536_000;

/**
 * The five headers: CSP, HSTS, X-Content-Type-Options, X-Frame-Options, Referrer-Policy. The CSP is the one the console lives
 * under: nothing inline and nothing from elsewhere, but frames of any page, because a screen shows what it is told to
 * navigate to. Nobody may frame this site.
 */
export const securityHeaders = fp(async (app: FastifyInstance) => {
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
