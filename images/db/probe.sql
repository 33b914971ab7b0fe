-- What the SQL probes write. No unique constraint: a write that happened twice must show.
create table writes (
    token text not null,
    written_at timestamptz not null default clock_timestamp()
);
