import type { Queryable } from '../../platform/database/database.js';

/** What a display shows; an older report changes nothing. False when there is no such screen. */
export async function saveReported(
  db: Queryable,
  report: { screenId: string; displayIndex: number; url: string; at: number },
): Promise<boolean> {
  // The lock keeps the row from coming after the screen's deletion has removed the others.
  const rows = await db.query(
    `with screen as (select stream_id from screens where id = $1 for key share),
       saved as (
         insert into screen_displays as shown (stream_id, display_index, reported_url, reported_at)
         select stream_id, $2, $3, $4 from screen
         on conflict (stream_id, display_index) do update
         set reported_url = excluded.reported_url, reported_at = excluded.reported_at
         where shown.reported_at is null or shown.reported_at <= excluded.reported_at
       )
     select 1 as found from screen`,
    [report.screenId, report.displayIndex, report.url, report.at],
  );
  return rows.length > 0;
}
