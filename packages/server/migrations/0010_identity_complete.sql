-- works-with: 0001
-- What the second half of identity needs beside 0002 (docs/identity.md).
-- Times are int8 milliseconds of the database's clock; codes and keys are stored as keyed hashes only.

-- Signing keys: one waits for its turn at a time, however many nodes begin a rotation at once.
create unique index signing_keys_pending on signing_keys (alg) where state = 'pending';
