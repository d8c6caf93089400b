-- Runs that jobs of GitHub Actions work, one job a run: which they are, whether a job was asked for, and which job has one.
ALTER TABLE baton.runs
  -- The workflow file whose jobs the repository wants its runs worked in; NULL where it says nothing.
  ADD COLUMN job_workflow text;

CREATE TABLE baton.jobs (
  run_id     text PRIMARY KEY REFERENCES baton.runs (run_id) ON DELETE CASCADE,
  -- Jobs that were asked for in a row, without one that gave the run back.
  asked      integer NOT NULL DEFAULT 0,
  asked_at   timestamptz,
  -- One has come since then.
  came       boolean NOT NULL DEFAULT false,
  -- The job that has the run, or had it last: its name as a worker, what it proves that with, and its page.
  worker     text UNIQUE,
  token_hash text UNIQUE,
  url        text,
  -- What it was answered about GitHub, by which it may say that it happened.
  granted    text[] NOT NULL DEFAULT '{}'
);

ALTER TABLE baton.work
  -- The repository of the run whose job made it; NULL where a worker of the server did.
  ADD COLUMN repo_id bigint;

-- As before; with `p_own` only runs that no job is to work count.
DROP FUNCTION baton.beat(text, double precision, text[]);
CREATE FUNCTION baton.beat(
  p_worker text, p_lease_ms double precision, p_given text[] DEFAULT NULL, p_own boolean DEFAULT false,
  OUT due_in_ms double precision
) LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO baton.workers (worker, alive_until) VALUES (p_worker, clock_timestamp() + p_lease_ms * interval '1 millisecond')
  ON CONFLICT (worker) DO UPDATE SET alive_until = EXCLUDED.alive_until;
  DELETE FROM baton.workers WHERE alive_until < clock_timestamp() - interval '1 day';
  SELECT extract(epoch FROM min(r.due_at) - clock_timestamp()) * 1000 INTO due_in_ms
  FROM baton.runs r LEFT JOIN baton.workers w ON w.worker = r.worker AND w.alive_until > clock_timestamp()
  WHERE r.due_at IS NOT NULL AND (w.worker IS NULL OR w.worker = p_worker AND p_given IS NOT NULL)
    AND r.run_id <> ALL (coalesce(p_given, '{}')) AND (NOT p_own OR r.job_workflow IS NULL);
  IF due_in_ms < 0 THEN
    due_in_ms := 0;
  END IF;
END;
$$;

-- As before, with `p_own`.
DROP FUNCTION baton.claim(text, integer, integer, text[]);
CREATE FUNCTION baton.claim(
  p_worker text, p_per_repo integer, p_per_installation integer, p_given text[] DEFAULT NULL, p_own boolean DEFAULT false
) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
  chosen text;
BEGIN
  PERFORM pg_advisory_xact_lock(x'4241544f'::integer);
  WITH held AS MATERIALIZED (
    SELECT r.repo_id, r.owner, r.name, r.installation_id
    FROM baton.runs r JOIN baton.workers w ON w.worker = r.worker
    WHERE r.worker IS NOT NULL AND w.alive_until > clock_timestamp()
      AND (w.worker <> p_worker OR p_given IS NULL OR r.run_id = ANY (p_given))
  ), due AS MATERIALIZED (
    SELECT r.repo_id, r.owner, r.name, r.installation_id, min(r.due_at) AS due_at, min(r.place) AS place
    FROM baton.runs r LEFT JOIN baton.workers w ON w.worker = r.worker AND w.alive_until > clock_timestamp()
    WHERE r.due_at <= clock_timestamp() AND (w.worker IS NULL OR w.worker = p_worker AND p_given IS NOT NULL)
      AND r.run_id <> ALL (coalesce(p_given, '{}')) AND (NOT p_own OR r.job_workflow IS NULL)
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
  WHERE r.due_at <= clock_timestamp() AND (w.worker IS NULL OR w.worker = p_worker AND p_given IS NOT NULL)
    AND r.run_id <> ALL (coalesce(p_given, '{}')) AND (NOT p_own OR r.job_workflow IS NULL)
  ORDER BY r.due_at, r.place LIMIT 1;
  UPDATE baton.runs SET worker = p_worker, claimed_at = clock_timestamp() WHERE run_id = chosen;
  RETURN chosen;
END;
$$;

-- The run for which a job is to be asked for now, or NULL, and how many were asked for in a row with this one. It is written down before
-- GitHub is asked. Of the runs under way those of other workers count, and those whose job is on its way. `p_all`: every run is worked in
-- jobs, whatever its repository says. Who is told something new has a job asked for at once, and the count begins again.
CREATE FUNCTION baton.ask_for_job(
  p_per_repo integer, p_per_installation integer, p_patience_ms double precision, p_all boolean,
  OUT run text, OUT asked integer, OUT job_workflow text, OUT came boolean, OUT url text
) LANGUAGE plpgsql AS $$
DECLARE
  patient timestamptz := clock_timestamp() - p_patience_ms * interval '1 millisecond';
BEGIN
  PERFORM pg_advisory_xact_lock(x'4241544f'::integer);
  WITH known AS MATERIALIZED (
    SELECT r.run_id, r.repo_id, r.owner, r.name, r.installation_id, r.due_at, r.place, w.worker IS NOT NULL AS held,
      j.asked_at IS NOT NULL AND NOT j.came AND j.asked_at > patient AND j.asked_at >= r.due_at AS coming,
      (p_all OR r.job_workflow IS NOT NULL) AND w.worker IS NULL AND r.due_at <= clock_timestamp() AS wants
    FROM baton.runs r
    LEFT JOIN baton.workers w ON w.worker = r.worker AND w.alive_until > clock_timestamp()
    LEFT JOIN baton.jobs j ON j.run_id = r.run_id
    WHERE r.due_at <= clock_timestamp() OR w.worker IS NOT NULL
  )
  SELECT k.run_id INTO run FROM known k
  WHERE k.wants AND NOT k.coming
    AND (SELECT count(*) FROM known o WHERE (o.held OR o.wants AND o.coming) AND (o.repo_id, o.owner, o.name) = (k.repo_id, k.owner, k.name)) < p_per_repo
    AND (SELECT count(*) FROM known o WHERE (o.held OR o.wants AND o.coming) AND o.installation_id IS NOT DISTINCT FROM k.installation_id) < p_per_installation
  ORDER BY k.due_at, k.place LIMIT 1;
  IF run IS NULL THEN
    RETURN;
  END IF;
  SELECT r.job_workflow, coalesce(j.came, false), j.url INTO job_workflow, came, url
  FROM baton.runs r LEFT JOIN baton.jobs j ON j.run_id = r.run_id WHERE r.run_id = run;
  INSERT INTO baton.jobs AS j (run_id, asked, asked_at) VALUES (run, 1, clock_timestamp())
  ON CONFLICT (run_id) DO UPDATE SET
    asked = CASE WHEN j.asked_at < (SELECT r.due_at FROM baton.runs r WHERE r.run_id = j.run_id) THEN 1 ELSE j.asked + 1 END,
    asked_at = clock_timestamp(), came = false
  RETURNING j.asked INTO asked;
END;
$$;

-- Gives a due run that nobody has to the job that asks for it, which lives from now on. Says "taken", "held" (somebody has it) or "resting" (it is
-- not due).
CREATE FUNCTION baton.claim_for_job(
  p_run text, p_worker text, p_lease_ms double precision, p_token_hash text, p_url text
) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
  due  timestamptz;
  held boolean;
BEGIN
  PERFORM pg_advisory_xact_lock(x'4241544f'::integer);
  SELECT r.due_at, w.worker IS NOT NULL INTO due, held
  FROM baton.runs r LEFT JOIN baton.workers w ON w.worker = r.worker AND w.alive_until > clock_timestamp()
  WHERE r.run_id = p_run;
  IF held THEN
    RETURN 'held';
  ELSIF due IS NULL OR due > clock_timestamp() THEN
    RETURN 'resting';
  END IF;
  INSERT INTO baton.workers (worker, alive_until) VALUES (p_worker, clock_timestamp() + p_lease_ms * interval '1 millisecond');
  UPDATE baton.runs SET worker = p_worker, claimed_at = clock_timestamp() WHERE run_id = p_run;
  INSERT INTO baton.jobs (run_id, came, worker, token_hash, url) VALUES (p_run, true, p_worker, p_token_hash, p_url)
  ON CONFLICT (run_id) DO UPDATE SET came = true, worker = p_worker, token_hash = p_token_hash, url = p_url, granted = '{}';
  RETURN 'taken';
END;
$$;
