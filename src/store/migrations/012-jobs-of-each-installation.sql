-- As before, without runs of the installations `p_except` (0: of none), and with the installation of the run.
--
-- A job is silent too when there is nobody to hear it. So one that was not heard since the server hears again, `p_up_ms` ago, has a whole
-- lease from then on, and is not counted as lost when it stays silent.
CREATE FUNCTION baton.ask_for_job(
  p_per_repo integer, p_per_installation integer, p_patience_ms double precision, p_all boolean, p_except bigint[],
  p_lease_ms double precision, p_up_ms double precision,
  OUT run text, OUT asked integer, OUT job_workflow text, OUT came boolean, OUT url text, OUT installation double precision
) LANGUAGE plpgsql AS $$
DECLARE
  patient timestamptz := clock_timestamp() - p_patience_ms * interval '1 millisecond';
  -- Until when a job is alive that was heard last when the server did not hear yet.
  unheard timestamptz := clock_timestamp() + (p_lease_ms - p_up_ms) * interval '1 millisecond';
BEGIN
  PERFORM pg_advisory_xact_lock(x'4241544f'::integer);
  WITH known AS MATERIALIZED (
    SELECT r.run_id, r.repo_id, r.owner, r.name, r.installation_id, r.due_at, r.place, w.worker IS NOT NULL AS held,
      j.asked_at IS NOT NULL AND NOT j.came AND j.asked_at > patient AND j.asked_at >= r.due_at AS coming,
      (p_all OR r.job_workflow IS NOT NULL) AND w.worker IS NULL AND r.due_at <= clock_timestamp()
        AND (p_up_ms >= p_lease_ms OR u.worker IS NULL) AS wants
    FROM baton.runs r
    LEFT JOIN baton.workers w ON w.worker = r.worker AND w.alive_until > clock_timestamp()
    LEFT JOIN baton.jobs j ON j.run_id = r.run_id
    LEFT JOIN baton.workers u ON u.worker = r.worker AND u.worker = j.worker AND u.alive_until <= unheard
    WHERE r.due_at <= clock_timestamp() OR w.worker IS NOT NULL
  )
  SELECT k.run_id INTO run FROM known k
  WHERE k.wants AND NOT k.coming AND coalesce(k.installation_id, 0) <> ALL (p_except)
    AND (SELECT count(*) FROM known o WHERE (o.held OR o.wants AND o.coming) AND (o.repo_id, o.owner, o.name) = (k.repo_id, k.owner, k.name)) < p_per_repo
    AND (SELECT count(*) FROM known o WHERE (o.held OR o.wants AND o.coming) AND o.installation_id IS NOT DISTINCT FROM k.installation_id) < p_per_installation
  ORDER BY k.due_at, k.place LIMIT 1;
  IF run IS NULL THEN
    RETURN;
  END IF;
  SELECT r.job_workflow, coalesce(j.came, false), j.url, coalesce(r.installation_id, 0)
    INTO job_workflow, came, url, installation
  FROM baton.runs r LEFT JOIN baton.jobs j ON j.run_id = r.run_id WHERE r.run_id = run;
  INSERT INTO baton.jobs AS j (run_id, asked, asked_at) VALUES (run, 1, clock_timestamp())
  ON CONFLICT (run_id) DO UPDATE SET
    asked = CASE
      WHEN j.asked_at < (SELECT r.due_at FROM baton.runs r WHERE r.run_id = j.run_id) THEN 1
      WHEN j.came AND EXISTS (
        SELECT 1 FROM baton.runs r JOIN baton.workers u ON u.worker = r.worker AND u.worker = j.worker AND u.alive_until <= unheard
        WHERE r.run_id = j.run_id
      ) THEN greatest(j.asked, 1)
      ELSE j.asked + 1
    END,
    asked_at = clock_timestamp(), came = false
  RETURNING j.asked INTO asked;
END;
$$;
