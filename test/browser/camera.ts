import { type Browser, chromium, type Page } from 'playwright-core';
import { expect } from 'vitest';

/** Chromium with a camera and a microphone of its own making, which it lends without asking anybody. */
export function launchWithCamera(): Promise<Browser> {
  return chromium.launch({
    executablePath: process.env.CHROMIUM_PATH ?? '/usr/bin/chromium',
    args: [
      '--no-sandbox',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
      '--no-first-run',
      '--use-fake-device-for-media-stream=fps=10',
      '--use-fake-ui-for-media-stream',
      // Machines that run tests have no sound card and often no screen.
      '--auto-select-desktop-capture-source=Entire screen',
    ],
  });
}

/** How many frames of somebody's picture a window has shown. */
function framesOf(page: Page, name: string): Promise<number> {
  return page
    .getByLabel(`Picture of ${name}`)
    .evaluate((video) => (video as HTMLVideoElement).getVideoPlaybackQuality().totalVideoFrames);
}

/** Resolves when the picture of `name` is seen to move on. A new one in its place counts from 0 again, so it is seen from its least. */
export async function seeMoving(page: Page, name: string): Promise<void> {
  await page.getByLabel(`Picture of ${name}`).waitFor();
  let least = Number.POSITIVE_INFINITY;
  const moved = async () => {
    const frames = await framesOf(page, name);
    least = Math.min(least, frames);
    return frames - least;
  };
  await expect.poll(moved, { timeout: 30_000 }).toBeGreaterThan(5);
}
