import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import {
  createPostgresDatabase,
  type FreshDatabase,
} from '../../packages/server/test/support/postgres-databases.js';
import {
  describeWithRedis,
  startRedis,
  type ThrowAwayRedis,
} from '../../packages/server/test/support/redis.js';
import { openFromMenu, section, signIn } from './account.js';
import { Guest } from './guest.js';
import { Household } from './household.js';
import { ServerProcess } from './server-process.js';
import { launchChromium, openWindow, photograph } from './windows.js';

const keeper = { email: 'keeper@example.org', username: 'Administrator', password: 'the keeper of fires' };

/** Two nodes on one PostgreSQL and one Redis, seen from the first; each step stands on the one before. */
describeWithRedis('nodes and connections in the console', () => {
  describe.skipIf(inject('postgresUrl') === '')('', () => {
    let database: FreshDatabase;
    let redis: ThrowAwayRedis;
    let folder: string;
    let a: ServerProcess;
    let b: ServerProcess;
    let home: Household;
    let ana: Guest;
    let minh: Guest;
    let browser: Browser;
    let desk: Page;
    const faults: string[] = [];

    beforeAll(async () => {
      [database, redis] = await Promise.all([
        createPostgresDatabase(inject('postgresUrl'), true),
        startRedis(),
      ]);
      folder = await mkdtemp(join(tmpdir(), 'bongsu-nodes-'));
      const start = async (name: string) => {
        const node = await ServerProcess.prepare({
          ...{ NODE_NAME: name, DATABASE_URL: database.url, REDIS_URL: redis.url, DATA_DIR: folder },
          ...{ ADMIN_EMAIL: keeper.email, ADMIN_PASSWORD: keeper.password, RATE_LIMIT_PER_MINUTE: '1000' },
        });
        await node.start();
        return node;
      };
      a = await start('node-a');
      b = await start('node-b');
    });

    beforeAll(async () => {
      home = await Household.settle(b.url, { email: 'jiho@example.org', username: 'Jiho Park' });
      await home.switchOn();
      ana = await Guest.arrive(a.url, 'Ana <b>Lopes</b>');
      minh = await Guest.arrive(b.url, 'Minh Tran');
      browser = await launchChromium();
      desk = await openWindow(browser, faults);
      await signIn(desk, a.url, keeper);
      await openFromMenu(desk, 'Nodes');
    });

    afterAll(async () => {
      for (const guest of [ana, minh]) guest?.close();
      await home?.leave();
      await browser?.close();
      for (const node of [a, b]) await node?.dispose();
      await redis?.remove();
      await database?.drop();
      if (folder) await rm(folder, { recursive: true, force: true });
    });

    const button = (name: string | RegExp) => desk.getByRole('button', { name, exact: true });
    const node = (name: string) => desk.getByTestId('node').filter({ hasText: name });
    const connection = (who: string) => desk.getByTestId('connection').filter({ hasText: who });
    const count = () => desk.getByTestId('connection').count();
    const focused = () => desk.evaluate(() => document.activeElement?.textContent);
    const find = async (name: string) => {
      await desk.getByLabel('Person or screen').fill(name);
      await desk.keyboard.press('Enter');
    };

    it('[ND49] both nodes are listed with what they hold, and the one that answers is marked', async () => {
      await node('node-a').getByText('2 connections').waitFor();
      await node('node-a').getByText('40% of all').waitFor();
      await node('node-a').getByText('Answers this page').waitFor();
      await node('node-b').getByText('3 connections').waitFor();
      await node('node-b').getByText('60% of all').waitFor();
      await node('node-b').getByText('Ready', { exact: true }).waitFor();
      await node('node-b').getByText('started just now').waitFor();
      expect(await node('node-b').getByText('Answers this page').count()).toBe(0);
      expect(await desk.getByTestId('node').count()).toBe(2);
    });

    it('[ND50] the connections of both nodes are listed: who, from where, how, and on which node', async () => {
      await expect.poll(count).toBe(5);
      await connection('Ana <b>Lopes</b>').getByText('On node-a').waitFor();
      await connection('Minh Tran').getByText('On node-b').waitFor();
      await connection('Minh Tran').getByText('127.0.0.1').waitFor();
      await connection('Minh Tran').getByText('WebSocket').waitFor();
      await connection('Lobby left').getByText('On node-b').waitFor();
      await connection('Lobby left').getByText('Screen', { exact: true }).waitFor();
      await connection('Administrator').getByText('You', { exact: true }).waitFor();
      await photograph(desk, 'n1-nodes', { whole: true });
    });

    it('[ND48] a node, a person and a screen can be looked at alone', async () => {
      await desk.getByLabel('Node', { exact: true }).selectOption('node-a');
      await expect.poll(count).toBe(2);
      await desk.getByLabel('Node', { exact: true }).selectOption('All nodes');
      await find('nobody@example.org');
      await desk.getByText('Nobody and nothing here is called that.').waitFor();
      await find(minh.person.email);
      await desk.getByText('Only Minh Tran').waitFor();
      expect(await count()).toBe(1);
      await button('Show all').click();
      await expect.poll(focused).toBe('Connections');
      expect(await desk.getByLabel('Person or screen').inputValue()).toBe('');
      await button('Only connections of Lobby left').click();
      await desk.getByText('Only Lobby left').waitFor();
      expect(await count()).toBe(1);
      await desk.reload();
      await desk.getByText('Only Lobby left').waitFor();
      await find('scr_gone');
      await desk.getByText('Nothing that fits is connected.').waitFor();
      await desk.getByText('Only scr_gone').waitFor();
      await button('Show all').click();
      await expect.poll(count).toBe(5);
    });

    it('[ND51] [ND52] who comes and goes shows by itself, and what stays is left standing', async () => {
      await connection('Ana').evaluate((row) => row.setAttribute('data-same', 'true'));
      const guest = await Guest.arrive(b.url, 'Bo Lind');
      await connection('Bo Lind').waitFor();
      await node('node-b').getByText('4 connections').waitFor();
      // Asked about while it goes.
      await button('Close the connection of Bo Lind').click();
      guest.close();
      await connection('Bo Lind').waitFor({ state: 'detached' });
      expect(await connection('Ana').getAttribute('data-same')).toBe('true');
      await desk.getByRole('dialog').getByRole('button', { name: 'Close the connection' }).click();
      await desk.getByRole('alert').getByText('It is gone already.').waitFor();
      await desk.keyboard.press('Escape');
      await desk.getByRole('dialog').waitFor({ state: 'detached' });
    });

    it('[ND52] a person on the other node is cut off after a question, by the keyboard, and stays away', async () => {
      await button('Close the connection of Minh Tran').focus();
      await desk.keyboard.press('Enter');
      const dialog = desk.getByRole('dialog', { name: 'Close the connection of Minh Tran?' });
      await dialog.getByText('stay away until they come back by themselves').waitFor();
      await expect.poll(focused).toBe('Cancel');
      await photograph(desk, 'n2-close-person');
      await desk.keyboard.press('Tab');
      await desk.keyboard.press('Enter');
      expect(await minh.closed).toBe('KICKED');
      await desk.getByText('The connection of Minh Tran was closed.').waitFor();
      await connection('Minh Tran').waitFor({ state: 'detached' });
      // Whoever was at its row is at the next one.
      await expect.poll(focused).toBe('Close');
    });

    it('[ND52] a screen on the other node is told to move, and is back by itself', async () => {
      await button('Close the connection of Lobby left').click();
      const dialog = desk.getByRole('dialog');
      await dialog.getByText('comes back by itself, perhaps on another node').waitFor();
      await dialog.getByRole('button', { name: 'Close the connection' }).click();
      await desk.getByText('The connection of Lobby left was closed. It comes back by itself.').waitFor();
      await expect.poll(() => home.closings).toEqual(['DRAINING']);
      const sent = await home.trigger('after.it');
      await sent.executed;
      expect(home.done).toEqual(['after.it']);
      await connection('Lobby left').waitFor();
    });

    it('[ND53] without Redis the page says what that means, and which node it does not hear of', async () => {
      await desk.evaluate(() => scrollTo(0, 0));
      await redis.stop();
      await desk.getByText('node-a is degraded').waitFor();
      await desk.getByText('Redis does not do its work.').waitFor();
      await node('node-b').getByText('Silent', { exact: true }).waitFor();
      await desk.getByText('Without those of node-b, which did not answer.').waitFor();
      await node('node-a').getByText('100% of those known').waitFor();
      await photograph(desk, 'n3-no-redis');
      await redis.start();
      await desk.getByText('node-a is degraded').waitFor({ state: 'detached' });
      await node('node-b').getByText('Ready', { exact: true }).waitFor();
      await connection('Lobby left').waitFor();
    });

    it('[ND54] it fits on a phone, by night as well', async () => {
      await desk.setViewportSize({ width: 360, height: 1500 });
      await desk.emulateMedia({ colorScheme: 'dark' });
      const width = () => desk.evaluate(() => document.documentElement.scrollWidth);
      await expect.poll(width).toBe(360);
      await photograph(desk, 'n4-phone-night');
    });

    it('[ND53] a node that was killed is silent', async () => {
      await b.kill();
      await node('node-b').getByText('Silent', { exact: true }).waitFor();
      await node('node-b').getByText('it counts as gone at').waitFor();
      await section(desk, 'Connections').getByText('Without those of node-b').waitFor();
      await photograph(desk, 'n5-killed');
    });

    it('[MED4] nothing that the page did was against its policy', () => {
      expect(faults).toEqual([]);
    });
  });
});
