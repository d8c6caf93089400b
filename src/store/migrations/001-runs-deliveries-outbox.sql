-- What the store itself must know of each run; everything else is a fold of its events.
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
  created_at  timestamptz NOT NULL,
  finished_at timestamptz,
  outcome     text
);

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

-- Writes events behind version `p_expected` and tells the followers, or does nothing and says where the run is.
-- Of two who append at the same version at once, the second waits at the primary key for the first and then fails with
-- unique_violation, all of it: that is the fence. A function, because its plans are kept from call to call.
CREATE FUNCTION baton.append(
  p_run text, p_expected integer, p_types text[], p_events text[], p_phase text, p_outcome text,
  OUT appended boolean, OUT version integer
) LANGUAGE plpgsql AS $$
DECLARE
  last record;
BEGIN
  SELECT e.version, e.at INTO last FROM baton.events e WHERE e.run_id = p_run ORDER BY e.version DESC LIMIT 1;
  version := coalesce(last.version, 0);
  appended := version > 0 AND version = p_expected;
  IF NOT appended OR cardinality(p_types) = 0 THEN
    RETURN;
  END IF;
  -- A run's time never goes back, whatever the machine's clock does.
  FOR i IN 1 .. cardinality(p_types) LOOP
    INSERT INTO baton.events (run_id, version, at, type, event)
    VALUES (p_run, p_expected + i, greatest(clock_timestamp(), last.at), p_types[i], p_events[i]::json);
  END LOOP;
  version := p_expected + cardinality(p_types);
  IF p_phase = 'finished' THEN
    UPDATE baton.runs SET finished_at = clock_timestamp(), outcome = p_outcome WHERE run_id = p_run;
  ELSIF p_phase = 'active' THEN
    UPDATE baton.runs SET finished_at = NULL, outcome = NULL WHERE run_id = p_run;
  END IF;
  PERFORM pg_notify('baton_events', p_run);
END;
$$;

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
