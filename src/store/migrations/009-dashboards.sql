-- Repositories whose config asks for a dashboard.
CREATE TABLE baton.dashboards (
  repo_id  bigint PRIMARY KEY,
  -- As the last delivery named it.
  repo     jsonb NOT NULL,
  -- False: it was asked for, and is to be taken away.
  is_on    boolean NOT NULL,
  -- How the runs stood when it was shown last.
  shows    text,
  shown_at timestamptz,
  -- The boxes that it offers.
  offered  jsonb NOT NULL DEFAULT '[]'
);

-- What each repository spent on models, by day (UTC). Kept by a trigger: sums must not fall because somebody tidies up, and events are not read for them.
CREATE TABLE baton.spent (
  repo_id       bigint NOT NULL,
  day           date NOT NULL,
  micro_dollars bigint NOT NULL,
  PRIMARY KEY (repo_id, day)
);
INSERT INTO baton.spent (repo_id, day, micro_dollars)
SELECT repo_id, (created_at AT TIME ZONE 'UTC')::date, sum(micro_dollars) FROM baton.runs
WHERE repo_id > 0 AND micro_dollars > 0 GROUP BY 1, 2;

CREATE FUNCTION baton.count_spent() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO baton.spent AS known (repo_id, day, micro_dollars)
  VALUES (NEW.repo_id, (clock_timestamp() AT TIME ZONE 'UTC')::date, NEW.micro_dollars - OLD.micro_dollars)
  ON CONFLICT (repo_id, day) DO UPDATE SET micro_dollars = known.micro_dollars + excluded.micro_dollars;
  RETURN NULL;
END;
$$;
CREATE TRIGGER runs_spent AFTER UPDATE OF micro_dollars ON baton.runs FOR EACH ROW
WHEN (NEW.repo_id > 0 AND NEW.micro_dollars > OLD.micro_dollars) EXECUTE FUNCTION baton.count_spent();

CREATE INDEX runs_repo ON baton.runs (repo_id, finished_at);
CREATE INDEX events_pull_closed ON baton.events (run_id, at) WHERE type = 'pull_request.closed';
