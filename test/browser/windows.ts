import { mkdir } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { type Browser, chromium, type Page } from 'playwright-core';
import { afterEach } from 'vitest';

const results = fileURLToPath(new URL('../../test-results/', import.meta.url));
const wantsPictures = Boolean(process.env.PICTURES);
/** A name that browsers do not take for this machine's own, for pages over plain http. */
export const LAN_NAME = 'bongsu.test';
const open = new Set<Page>();

/** What the windows of a failed test showed: one that answers nothing within 5 s hangs. */
afterEach(async ({ task }) => {
  if (task.result?.state !== 'fail') return;
  for (const page of open) {
    const shown = await page.locator('body').ariaSnapshot({ timeout: 5000 }).catch(String);
    console.error(`After "${task.name}" at ${page.url()}:\n${shown}`);
  }
});

export function launchChromium(): Promise<Browser> {
  return chromium.launch({
    executablePath: process.env.CHROMIUM_PATH ?? '/usr/bin/chromium',
    args: [
      '--no-sandbox',
      '--disable-quic',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
      '--no-first-run',
      `--host-resolver-rules=MAP ${LAN_NAME} 127.0.0.1`,
    ],
  });
}

/** Two people's windows: a browser context each, so that they share no cookie and no storage. */
export async function openWindow(browser: Browser, faults: string[]): Promise<Page> {
  const context = await browser.newContext({
    viewport: { width: 1000, height: 860 },
    reducedMotion: 'reduce',
  });
  const page = await context.newPage();
  open.add(page);
  page.on('close', () => open.delete(page));
  page.on('pageerror', (error) => faults.push(error.message));
  page.on('console', (message) => {
    if (message.text().includes('Content Security Policy')) faults.push(message.text());
  });
  return page;
}

/**
 * With PICTURES=1, for whoever wants to look: leaves `test-results/<name>.png`. No test reads it, and each takes CPU to draw and to pack.
 * `whole`: with what is below the window's edge.
 */
export async function photograph(page: Page, name: string, { whole = false } = {}): Promise<void> {
  if (!wantsPictures) return;
  await mkdir(results, { recursive: true });
  await page.screenshot({ path: `${results}${name}.png`, fullPage: whole });
}

/** Both windows side by side in one picture, as somebody with two monitors sees them. */
export async function photographBoth(browser: Browser, pages: Page[], name: string): Promise<void> {
  if (!wantsPictures) return;
  const pictures = await Promise.all(pages.map((page) => page.screenshot()));
  const desk = await browser.newPage({ viewport: { width: 2080, height: 920 } });
  const images = pictures.map(
    (picture) => `<img src="data:image/png;base64,${picture.toString('base64')}" width="1000" height="860">`,
  );
  await desk.setContent(`<style>body{margin:0;padding:30px;display:flex;gap:20px;background:#71808e}
    img{border-radius:12px;box-shadow:0 12px 40px rgb(0 0 0/35%)}</style>${images.join('')}`);
  await photograph(desk, name);
  await desk.close();
}
