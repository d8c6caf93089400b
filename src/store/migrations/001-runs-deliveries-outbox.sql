-- The newest state of each run that the store itself must know; everything else is a fold of its events.
-- Written in the same statement as the events, and its row is the lock that puts appends in order.
-- `place` puts rows in the order they came: an embedded database's clock knows only milliseconds.
CREATE TABLE baton.runs (
  run_id      text PRIMARY KEY,
  place       bigint GENERATED ALWAYS AS IDENTITY,
  repo_id     bigint NOT NULL,
  owner       text NOT NULL,
  name        text NOT NULL,
  subject     bigint NOT NULL,
  -- One value for "the same repository and subject": survives a rename on GitHub, works for local folders too.
  subject_key text NOT NULL,
  version     integer NOT NULL,
  created_at  timestamptz NOT NULL,
  touched_at  timestamptz NOT NULL,
  finished_at timestamptz,
  outcome     text
) WITH (fillfactor = 70);

-- One active run per subject, however many processes start one at once.
CREATE UNIQUE INDEX runs_active ON baton.runs (subject_key) WHERE finished_at IS NULL;
CREATE INDEX runs_subject ON baton.runs (subject_key, place DESC);

-- Append-only. `json`, not `jsonb`: an event must come back as it was written, and jsonb refuses the NUL characters
-- and halved surrogates that programs print.
CREATE TABLE baton.events (
  run_id  text NOT NULL,
  version integer NOT NULL,
  at      timestamptz NOT NULL,
  type    text NOT NULL,
  event   json NOT NULL,
  PRIMARY KEY (run_id, version)
);

CREATE TABLE baton.deliveries (
  id          text PRIMARY KEY,
  place       bigint GENERATED ALWAYS AS IDENTITY,
  name        text NOT NULL,
  payload     text NOT NULL,
  received_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  handled_at  timestamptz,
  note        text
);
CREATE INDEX deliveries_pending ON baton.deliveries (place) WHERE handled_at IS NULL;

CREATE TABLE baton.outbox (
  key         text PRIMARY KEY,
  place       bigint GENERATED ALWAYS AS IDENTITY,
  run_id      text,
  kind        text NOT NULL,
  payload     json NOT NULL,
  result      json,
  tries       integer NOT NULL DEFAULT 1,
  recorded_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  done_at     timestamptz
);
CREATE INDEX outbox_pending ON baton.outbox (place) WHERE done_at IS NULL;
