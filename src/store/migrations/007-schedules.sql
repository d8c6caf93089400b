-- When workflows start by the clock: what `.github/baton.yml` said when it was last read.
CREATE TABLE baton.schedules (
  repo_id bigint NOT NULL,
  -- Names the entry; another text is another entry.
  id      text NOT NULL,
  -- What is to start, as whoever reads it wrote it.
  start   jsonb NOT NULL,
  due_at  timestamptz NOT NULL,
  PRIMARY KEY (repo_id, id)
);
CREATE INDEX schedules_due_at ON baton.schedules (due_at);
