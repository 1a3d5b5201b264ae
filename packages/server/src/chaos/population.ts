import { join } from 'node:path';
import type { DeviceCredential } from '@bongsu/protocol';
import { v7 as uuidv7 } from 'uuid';
import type { ControllerOptions, Person, ScreenKind, ScreenOptions, ScreensOptions } from './messages.js';
import type { Site } from './site.js';

/** Who takes part in a session. */
export interface Population {
  controllers: ControllerOptions[];
  screens: ScreensOptions[];
  /** Access token of the owner of the screens. */
  owner: string;
  /** Removes what was made. */
  remove(): Promise<void>;
}

export interface PopulationOptions {
  site: Pick<Site, 'url' | 'controllersUrl' | 'screensUrl'>;
  folder: string;
  seed: number;
  /** Whose screens they are, and who commands them: a deployment's own login, else people are signed up. */
  token?: string;
  shapes?: readonly Shape[];
  /** What kills a screen kills those of its process: two of them by default. */
  screensAProcess?: number;
  /** A load of so many commands a second, by clients as they are shipped. */
  perSecond?: number;
}

export interface Shape {
  kind: ScreenKind;
  policy: ScreenOptions['policy'];
  window: number;
  /** Its place is not kept on disk, as no screen is killed. */
  inMemory?: boolean;
}

/** Two screens a process: of every kind, under both policies, with both ends of the window. */
export const SHAPES: readonly Shape[] = [
  { kind: 'sdk', policy: 'at-least-once', window: 1 },
  { kind: 'plain', policy: 'at-least-once', window: 32 },
  { kind: 'sdk', policy: 'at-most-once', window: 1 },
  { kind: 'stock', policy: 'at-least-once', window: 1 },
  { kind: 'plain', policy: 'at-most-once', window: 32 },
  { kind: 'plain', policy: 'at-least-once', window: 1 },
  { kind: 'sdk', policy: 'at-least-once', window: 32 },
];
const SCREENS_A_PROCESS = 2;
const CONTROLLERS = 5;
const IN_FLIGHT = 8;

export async function makePopulation(options: PopulationOptions): Promise<Population> {
  const { site, folder, seed, shapes = SHAPES, screensAProcess = SCREENS_A_PROCESS, perSecond } = options;
  const asShipped = perSecond !== undefined;
  const owner = options.token ?? (await signUp(site.url)).accessToken;
  const credentials: DeviceCredential[] = [];
  for (const [place] of shapes.entries())
    credentials.push(await makeScreen(site.url, owner, `Chaos ${place + 1}`));
  const people = await makePeople(options, owner, credentials);
  const screens = shapes.map((shape, place): ScreenOptions => {
    const credential = credentials[place] as DeviceCredential;
    const file = (name: string) => join(folder, `${name}-${credential.screenId}`);
    return { ...shape, credential, storePath: file('store'), historyPath: file('screen') };
  });
  const targets = screens.map(({ kind, credential: { screenId } }) => ({
    screenId,
    canBeSilent: kind !== 'sdk',
  }));
  return {
    owner,
    controllers: [
      {
        kind: 'controllers',
        url: site.controllersUrl,
        people,
        screens: targets,
        seed: seed + 1,
        historyPath: join(folder, 'controllers'),
        inFlight: IN_FLIGHT,
        ...(asShipped ? { perSecond, asShipped } : {}),
        clockMs: 0,
      },
    ],
    screens: processesOf(screens, screensAProcess).map((each) => ({
      kind: 'screens',
      url: site.screensUrl,
      seed,
      screens: each,
      asShipped,
      clockMs: 0,
    })),
    async remove() {
      for (const { screenId } of credentials)
        await call(site.url, 'DELETE', `/api/screens/${screenId}`, owner);
    },
  };
}

function processesOf(screens: readonly ScreenOptions[], each: number): ScreenOptions[][] {
  const processes: ScreenOptions[][] = [];
  for (let from = 0; from < screens.length; from += each) {
    processes.push(screens.slice(from, from + each));
  }
  return processes;
}

/** Several people on a server of our own, several connections of one person on somebody's deployment. */
async function makePeople(
  { site, token }: PopulationOptions,
  owner: string,
  screens: readonly DeviceCredential[],
): Promise<Person[]> {
  const people: Person[] = [];
  for (let n = 1; n <= CONTROLLERS; n += 1) {
    const person = token === undefined ? await signUp(site.url) : undefined;
    for (const { screenId } of person ? screens : []) {
      await call(site.url, 'PUT', `/api/screens/${screenId}/controllers/${person?.user.userId}`, owner);
    }
    people.push({ name: `c${n}`, token: person?.accessToken ?? owner, overHttp: n === CONTROLLERS });
  }
  return people;
}

interface Account {
  user: { userId: string };
  accessToken: string;
}

function signUp(url: string): Promise<Account> {
  const name = uuidv7();
  const body = { email: `chaos-${name}@example.com`, password: `correct horse ${name}`, username: 'Chaos' };
  return call(url, 'POST', '/api/auth/signup', undefined, body) as Promise<Account>;
}

async function makeScreen(url: string, token: string, name: string): Promise<DeviceCredential> {
  const { screen } = (await call(url, 'POST', '/api/screens', token, { name })) as {
    screen: { screenId: string };
  };
  return call(
    url,
    'POST',
    `/api/screens/${screen.screenId}/credentials`,
    token,
    {},
  ) as Promise<DeviceCredential>;
}

/** One JSON call. @throws Error with the answer's text when it is no success */
export async function call(
  url: string,
  method: string,
  path: string,
  token: string | undefined,
  body?: object,
): Promise<unknown> {
  const response = await fetch(`${url}${path}`, {
    method,
    headers: {
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  const text = await response.text();
  if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${text}`);
  return text === '' ? undefined : JSON.parse(text);
}
