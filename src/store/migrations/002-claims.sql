-- Who works which run, and when a run is due. Every time in here is the database's own: a worker's clock decides nothing.
ALTER TABLE baton.runs
  ADD COLUMN installation_id bigint,
  -- When somebody should drive the run; NULL while it waits for a person, and behind its end.
  ADD COLUMN due_at          timestamptz DEFAULT clock_timestamp(),
  ADD COLUMN worker          text,
  ADD COLUMN claimed_at      timestamptz;

UPDATE baton.runs SET due_at = NULL WHERE finished_at IS NOT NULL;

CREATE INDEX runs_due ON baton.runs (due_at) WHERE due_at IS NOT NULL;
CREATE INDEX runs_held ON baton.runs (worker) WHERE worker IS NOT NULL;
CREATE INDEX runs_turn_of_repo ON baton.runs (repo_id, owner, name, claimed_at DESC NULLS LAST);
CREATE INDEX runs_turn_of_installation ON baton.runs (installation_id, claimed_at DESC NULLS LAST);
CREATE INDEX runs_place ON baton.runs (place DESC);
CREATE INDEX runs_unfinished ON baton.runs (place) WHERE finished_at IS NULL;
CREATE INDEX runs_finished ON baton.runs (finished_at) WHERE finished_at IS NOT NULL;

-- A worker lives as long as it says so in time. What a dead one held is anybody's.
CREATE TABLE baton.workers (
  worker      text PRIMARY KEY,
  alive_until timestamptz NOT NULL,
  started_at  timestamptz NOT NULL DEFAULT clock_timestamp()
);

-- Shows that a worker lives, for `p_lease_ms` from now, and says in how many milliseconds the next run that nobody holds
-- is due (NULL: none is).
CREATE FUNCTION baton.beat(p_worker text, p_lease_ms double precision, OUT due_in_ms double precision) LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO baton.workers (worker, alive_until) VALUES (p_worker, clock_timestamp() + p_lease_ms * interval '1 millisecond')
  ON CONFLICT (worker) DO UPDATE SET alive_until = EXCLUDED.alive_until;
  DELETE FROM baton.workers WHERE alive_until < clock_timestamp() - interval '1 day';
  SELECT extract(epoch FROM min(r.due_at) - clock_timestamp()) * 1000 INTO due_in_ms
  FROM baton.runs r LEFT JOIN baton.workers w ON w.worker = r.worker AND w.alive_until > clock_timestamp()
  WHERE r.due_at IS NOT NULL AND w.worker IS NULL;
  due_in_ms := greatest(due_in_ms, 0);
END;
$$;

-- Takes the run whose turn it is, or none. One claim at a time, so that the limits are exact. Among the repositories that have a
-- due run and are under their limits, the one whose installation has fewest runs under way comes first, then whose repository has,
-- then whose turn was longest ago; within it the run that has been due longest.
CREATE FUNCTION baton.claim(p_worker text, p_per_repo integer, p_per_installation integer) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
  chosen text;
BEGIN
  PERFORM pg_advisory_xact_lock(x'4241544f'::integer);
  WITH held AS MATERIALIZED (
    SELECT r.repo_id, r.owner, r.name, r.installation_id
    FROM baton.runs r JOIN baton.workers w ON w.worker = r.worker
    WHERE r.worker IS NOT NULL AND w.alive_until > clock_timestamp()
  ), due AS MATERIALIZED (
    SELECT r.repo_id, r.owner, r.name, r.installation_id, min(r.due_at) AS due_at, min(r.place) AS place
    FROM baton.runs r LEFT JOIN baton.workers w ON w.worker = r.worker AND w.alive_until > clock_timestamp()
    WHERE r.due_at <= clock_timestamp() AND w.worker IS NULL
    GROUP BY 1, 2, 3, 4
  ), ranked AS (
    SELECT due.*,
      (SELECT count(*) FROM held h WHERE (h.repo_id, h.owner, h.name) = (due.repo_id, due.owner, due.name)) AS of_repo,
      (SELECT count(*) FROM held h WHERE h.installation_id IS NOT DISTINCT FROM due.installation_id) AS of_installation,
      (SELECT max(r.claimed_at) FROM baton.runs r WHERE r.installation_id = due.installation_id) AS installation_served,
      (SELECT max(r.claimed_at) FROM baton.runs r
       WHERE (r.repo_id, r.owner, r.name) = (due.repo_id, due.owner, due.name)) AS repo_served
    FROM due
  ), turn AS (
    SELECT * FROM ranked WHERE of_repo < p_per_repo AND of_installation < p_per_installation
    ORDER BY of_installation, of_repo, installation_served NULLS FIRST, repo_served NULLS FIRST, due_at, place LIMIT 1
  )
  SELECT r.run_id INTO chosen
  FROM turn JOIN baton.runs r
    ON (r.repo_id, r.owner, r.name) = (turn.repo_id, turn.owner, turn.name)
    AND r.installation_id IS NOT DISTINCT FROM turn.installation_id
  LEFT JOIN baton.workers w ON w.worker = r.worker AND w.alive_until > clock_timestamp()
  WHERE r.due_at <= clock_timestamp() AND w.worker IS NULL
  ORDER BY r.due_at, r.place LIMIT 1;
  UPDATE baton.runs SET worker = p_worker, claimed_at = clock_timestamp() WHERE run_id = chosen;
  RETURN chosen;
END;
$$;
