import { beforeEach, describe, expect, it } from 'vitest';
import { describeEachDatabase } from '../../test/support/databases.js';
import type { AuditEvent } from '../platform/audit.js';
import type { Database } from '../platform/database/database.js';
import { createRecordAudit, storedEvent } from './record.js';

const event: AuditEvent = {
  action: 'screen_created',
  outcome: 'success',
  actor: { type: 'user', ref: 'u1', ipPrefix: '203.0.113.7' },
  target: { type: 'screen', ref: 'scr_1' },
};

describe('storedEvent', () => {
  it.each([
    ['authn_login_success', 'success', 3002, 1, 1],
    ['authn_login_fail', 'failure', 3002, 1, 2],
    ['authn_logout', 'success', 3002, 2, 1],
    ['authn_token_reuse', 'failure', 3002, 99, 4],
    ['session_renewed', 'success', 3002, 5, 1],
    ['user_created', 'success', 3001, 1, 1],
    ['user_updated', 'success', 3001, 3, 1],
    ['screen_deleted', 'success', 3004, 4, 1],
  ] as const)(
    '[SEC5] %s %s has its class, activity and severity',
    (action, outcome, classUid, activity, severity) => {
      expect(storedEvent({ ...event, action, outcome }, 1, 'bongsu')).toMatchObject({
        class_uid: classUid,
        activity_id: activity,
        type_uid: classUid * 100 + activity,
        severity_id: severity,
        time: 1000,
      });
    },
  );

  it.each([
    ['203.0.113.7', '203.0.113.0/24'],
    ['203.0.113.0/24', '203.0.113.0/24'],
    ['2001:db8:1:2::3', '2001:db8:1::/48'],
    ['not an address', undefined],
  ])('[SEC5] an address is stored as its network: %s', (ipPrefix, stored) => {
    const { actor } = storedEvent({ ...event, actor: { type: 'user', ipPrefix } }, 1, 'bongsu') as {
      actor: { ip_prefix?: string };
    };
    expect(actor.ip_prefix).toBe(stored);
    expect(actor).not.toHaveProperty('ipPrefix');
  });
});

describeEachDatabase('recordAudit', (open) => {
  let database: Database;

  beforeEach(async () => {
    database = await open();
  });

  it('[SEC5] is written with the change or not at all', async () => {
    const recordAudit = createRecordAudit({ now: () => 1_700_000_000_000, service: 'bongsu' });
    const failing = database.transaction(async (tx) => {
      await recordAudit(tx, event);
      throw new Error('the change failed');
    });
    await expect(failing).rejects.toThrow('the change failed');
    expect(await database.query('select 1 from audit_outbox')).toHaveLength(0);
    await database.transaction((tx) => recordAudit(tx, event));
    const rows = await database.query('select id, at, event from audit_outbox');
    expect(rows).toEqual([
      {
        id: expect.stringMatching(/^[0-9a-f]{8}-[0-9a-f]{4}-7/),
        at: 1_700_000_000_000,
        event: expect.objectContaining({ v: 1, action: 'screen_created', time: 1_700_000_000_000_000 }),
      },
    ]);
  });
});
