-- works-with: 0001
-- What the second half of identity needs beside 0002 (docs/identity.md).
-- Times are int8 milliseconds of the database's clock; codes and keys are stored as keyed hashes only.

-- API keys: what ends one, or changes when it will end, reaches every process by the same feed.
alter table revocations drop constraint revocations_kind_check;
alter table revocations add constraint revocations_kind_check check (kind in ('session', 'user', 'key', 'api-key'));
