import type { Queryable } from '../../platform/database/database.js';
import { LEASE_MS } from '../../platform/database/nodes.js';
import type { SeatRow } from './participants.js';

/** Processes other than this one without a live lease: their sockets are gone. */
const isDead = (incarnation: string) => `${incarnation} <> $1
  and not exists (select from nodes n where n.incarnation = ${incarnation} and n.lease_until > $2)`;
const HELD = "p.left_at is null and ($3 or p.state <> 'reconnecting')";

export interface Survey {
  /** This process. */
  incarnation: string;
  now: number;
  /** Also those that were reconnecting when their process ended. */
  withReconnecting: boolean;
}

/** Rooms in which somebody's process is dead. Hops from process to process: seats of the living are not read. */
export function listRoomsOfDead(db: Queryable, survey: Survey): Promise<{ id: number; roomId: string }[]> {
  return db.query(
    `with recursive holders(incarnation) as (
       (select incarnation from room_participants where left_at is null order by incarnation limit 1)
       union all
       select (select p.incarnation from room_participants p
         where p.left_at is null and p.incarnation > h.incarnation order by p.incarnation limit 1)
       from holders h where h.incarnation is not null
     ), dead as materialized (
       select h.incarnation from holders h where ${isDead('h.incarnation')}
     )
     select distinct r.id, r.room_id as "roomId"
     from dead d
       cross join lateral (select p.room from room_participants p where p.incarnation = d.incarnation and ${HELD} offset 0) p
       join rooms r on r.id = p.room
     order by r.id`,
    [survey.incarnation, survey.now, survey.withReconnecting],
  );
}

/** Those seats, each with the moment when its process was last known to live. */
export function listSeatsOfDead(
  tx: Queryable,
  room: number,
  survey: Survey,
): Promise<(SeatRow & { livedUntil: number })[]> {
  return tx.query(
    `select p.id as "participantId", p.user_id as "userId", p.number, p.state, p.incarnation,
       p.socket_id as "socketId", p.instance_id as "instanceId", p.signaling, p.joined_at as "joinedAt",
       p.gone_at as "goneAt",
       greatest(p.joined_at, least($2, coalesce(
         (select e.lived_until from ended_nodes e where e.incarnation = p.incarnation),
         (select n.lease_until - $5 from nodes n where n.incarnation = p.incarnation),
         r.active_at))) as "livedUntil"
     from room_participants p join rooms r on r.id = p.room
     where p.room = $4 and ${HELD} and ${isDead('p.incarnation')} order by p.number`,
    [survey.incarnation, survey.now, survey.withReconnecting, room, LEASE_MS],
  );
}

/** Forgets processes of which nothing is held any more and that cannot believe in their lease. Asks for the first seat from theirs on: to look for theirs, all would be read. */
export async function forgetEndedNodes(db: Queryable, now: number): Promise<void> {
  await db.query(
    `delete from ended_nodes e where e.lease_until <= $1 and e.incarnation is distinct from (
       select p.incarnation from room_participants p
       where p.left_at is null and p.incarnation >= e.incarnation order by p.incarnation limit 1)`,
    [now],
  );
}
