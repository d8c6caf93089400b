-- What lists and figures need of a run without reading its events: kept by `append`, which sees each event once.
ALTER TABLE baton.runs
  ADD COLUMN workflow      text,
  -- The stage that was started last.
  ADD COLUMN stage         text,
  -- Spent on models, in millionths of a dollar.
  ADD COLUMN micro_dollars bigint NOT NULL DEFAULT 0;

-- As text: events may hold what PostgreSQL's JSON functions refuse (NUL characters, halved surrogates).
UPDATE baton.runs r SET
  workflow = (SELECT substring(e.event::text FROM '"workflow":\s*{\s*"name":\s*"([^"\\]+)"')
    FROM baton.events e WHERE e.run_id = r.run_id AND e.type = 'run.routed' ORDER BY e.version DESC LIMIT 1),
  stage = (SELECT substring(e.event::text FROM '"stage":\s*"([^"\\]+)"')
    FROM baton.events e WHERE e.run_id = r.run_id AND e.type = 'stage.started' ORDER BY e.version DESC LIMIT 1),
  micro_dollars = (SELECT coalesce(sum(substring(e.event::text FROM
      CASE e.type WHEN 'run.routed' THEN '.*"microDollars":\s*(\d+)' ELSE '"microDollars":\s*(\d+)' END)::bigint), 0)
    FROM baton.events e WHERE e.run_id = r.run_id AND e.type IN ('run.routed', 'agent.turn'));

-- No event without its run: an append to a run that is being archived fails, instead of leaving an event that nobody finds.
ALTER TABLE baton.events ADD CONSTRAINT events_run FOREIGN KEY (run_id) REFERENCES baton.runs (run_id);

-- What archived runs were, in sums: figures must not fall because somebody tidies up.
CREATE TABLE baton.archived (
  outcome       text PRIMARY KEY,
  runs          bigint NOT NULL,
  micro_dollars bigint NOT NULL
);

CREATE INDEX deliveries_handled ON baton.deliveries (handled_at) WHERE handled_at IS NOT NULL;
CREATE INDEX outbox_run ON baton.outbox (run_id) WHERE run_id IS NOT NULL;
CREATE INDEX outbox_done ON baton.outbox (done_at) WHERE done_at IS NOT NULL;

-- As before, and it also keeps what lists need, and says when the run is due. `p_due` is 'same', 'now', 'never', or milliseconds since 1970; `p_stage` and
-- `p_workflow` are NULL where these events say nothing about them.
DROP FUNCTION baton.append(text, integer, text[], text[], text, text);
CREATE FUNCTION baton.append(
  p_run text, p_expected integer, p_types text[], p_events text[], p_phase text, p_outcome text, p_due text,
  p_micro_dollars bigint, p_stage text, p_workflow text,
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
  IF p_due <> 'same' THEN
    UPDATE baton.runs SET due_at = CASE p_due
      WHEN 'never' THEN NULL
      WHEN 'now' THEN clock_timestamp()
      ELSE to_timestamp(p_due::double precision / 1000) END
    WHERE run_id = p_run;
  END IF;
  IF p_micro_dollars <> 0 OR p_stage IS NOT NULL OR p_workflow IS NOT NULL THEN
    UPDATE baton.runs SET
      micro_dollars = micro_dollars + p_micro_dollars,
      stage = coalesce(p_stage, stage),
      workflow = coalesce(p_workflow, workflow)
    WHERE run_id = p_run;
  END IF;
  PERFORM pg_notify('baton_events', p_run);
END;
$$;

-- Finished work of agents, as git bundles: what another machine's worker needs to go on where one ended.
CREATE TABLE baton.work (
  commit  text PRIMARY KEY,
  -- The commit it was made on, which the bundle builds on.
  start   text NOT NULL,
  bundle  bytea NOT NULL,
  kept_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE INDEX work_kept ON baton.work (kept_at);
