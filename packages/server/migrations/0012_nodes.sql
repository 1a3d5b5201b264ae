-- works-with: 0001
-- For several nodes (docs/decisions/0080-what-goes-between-nodes.md).

-- What Redis is to be told of the letters that wait. Without Redis nothing is ever mirrored, and this is one more index of them.
create index dead_letters_unmirrored on dead_letters (at, id) where not mirrored and requeued_as is null;
