-- What the SQL probes write. No unique constraint: a write that happened twice must show.
create table writes (
    token text not null,
    written_at timestamptz not null default clock_timestamp()
)
-- A dozen rows a page: a write needs a new block each second or two, so that a full filesystem has an effect.  PostgreSQL adds
-- pages in advance where sessions wait for each other (RelationAddExtraBlocks), twenty and more: those last minutes else.
with (fillfactor = 10);
