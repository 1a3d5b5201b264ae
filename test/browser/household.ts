import { type Client, connect, memoryStore, type Screen, screen } from '@bongsu/client';
import type { DeviceCredential, Screen as ScreenView } from '@bongsu/protocol';

const PASSWORD = 'beacons on the ridge';

/** Somebody with a screen, and a program of theirs that sends: everything but the console, over the public API. */
export class Household {
  private device: Screen | undefined;
  /** What the screen carried out, oldest first. */
  readonly done: string[] = [];
  /** Why the server closed the screen's connections, oldest first. */
  readonly closings: string[] = [];
  /** What the screen answers instead of carrying out. */
  refusal: string | undefined;
  private holding: Promise<void> | undefined;

  private constructor(
    private readonly url: string,
    readonly sender: Client,
    readonly screenId: string,
    private readonly credential: DeviceCredential,
  ) {}

  static async settle(url: string, person: { email: string; username: string }): Promise<Household> {
    const login = await post<{ accessToken: string }>(`${url}/api/auth/signup`, {
      ...person,
      password: PASSWORD,
    });
    const { accessToken } = login;
    const { screen: made } = await post<{ screen: ScreenView }>(
      `${url}/api/screens`,
      { name: 'Lobby left' },
      accessToken,
    );
    const credential = await post<DeviceCredential>(
      `${url}/api/screens/${made.screenId}/credentials`,
      {},
      accessToken,
    );
    return new Household(url, connect({ url, token: accessToken }), made.screenId, credential);
  }

  get password(): string {
    return PASSWORD;
  }

  /** Resolves once the screen is online. */
  async switchOn(): Promise<void> {
    const { url, credential } = this;
    const carryOut = async (what: string) => {
      await this.holding;
      if (this.refusal !== undefined) throw Object.assign(new Error(this.refusal), { retryable: false });
      this.done.push(what);
    };
    this.device = screen({
      url,
      credential,
      store: memoryStore(),
      onTrigger: ({ action }) => carryOut(action),
      onNavigate: ({ url: page }) => carryOut(page),
    });
    const device = this.device;
    device.on('state', ({ closing }) => closing && this.closings.push(closing.code));
    await new Promise<void>((resolve) => {
      device.on('ready', () => resolve());
    });
  }

  async switchOff(): Promise<void> {
    await this.device?.close();
    this.device = undefined;
  }

  /** From now on the screen takes its time, until the returned function is called. */
  hold(): () => void {
    let release = () => {};
    this.holding = new Promise((resolve) => {
      release = () => {
        this.holding = undefined;
        resolve();
      };
    });
    return release;
  }

  trigger(action: string, data?: unknown) {
    return this.sender.trigger({ screenId: this.screenId }, action, data);
  }

  navigate(page: string) {
    return this.sender.navigate({ screenId: this.screenId }, page);
  }

  async leave(): Promise<void> {
    this.sender.close();
    await this.switchOff();
  }
}

async function post<Answer>(url: string, body: object, token?: string): Promise<Answer> {
  const response = await fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...(token ? { authorization: `Bearer ${token}` } : {}) },
    body: JSON.stringify(body),
  });
  if (!response.ok) throw new Error(`${url} answered ${response.status}: ${await response.text()}`);
  return (await response.json()) as Answer;
}
