-- works-with: 0001
-- Receipts come a few at a time. For arrays that short PostgreSQL finds a plan of their own cheaper than the one it keeps, each time
-- anew, and planning was half of the call (docs/decisions/0098). Its joins are by key in any case.
alter function settle_inboxes(text[], bigint[], text[], bigint[], boolean[], bigint, boolean,
  int[], bigint[], text[], int[], text[], text[],
  int[], bigint[], int[], int[], bigint[], text[],
  int[], int[], text[], bigint[]) set plan_cache_mode = force_generic_plan;
