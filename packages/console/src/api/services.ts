import { ClientTokenManager } from '@bongsu/client';
import { type Api, createApi } from './api.js';
import { Live } from './live.js';
import { createOpenApi, type OpenApi } from './open-api.js';
import { Session } from './session.js';
import { StepUp } from './step-up.js';

/** What the pages call. */
export interface Services {
  session: Session;
  api: Api;
  openApi: OpenApi;
  stepUp: StepUp;
  live: Live;
}

export function createServices(): Services {
  const tokens = new ClientTokenManager({ url: location.origin, cookies: true });
  const stepUp = new StepUp((proof) => tokens.stepUp(proof));
  tokens.on('signed-out', () => stepUp.dismiss());
  return {
    session: new Session(tokens),
    api: createApi(tokens, stepUp),
    openApi: createOpenApi(location.origin),
    stepUp,
    live: new Live(tokens),
  };
}
