import { BongsuError, ReportSchema } from '@bongsu/protocol';
import { defineEvent, type Events } from '../platform/surface.js';
import type { ScreensContext } from './deps.js';
import { report } from './report.js';

export function screenEvents(context: Pick<ScreensContext, 'database' | 'databaseClock'>): Events {
  return {
    report: defineEvent({
      right: 'screens.report',
      limit: 'general',
      schema: ReportSchema,
      async handle({ principal }, input) {
        if (principal.kind !== 'screen') throw new BongsuError('FORBIDDEN');
        await report(context, principal, input);
        return {};
      },
    }),
  };
}
