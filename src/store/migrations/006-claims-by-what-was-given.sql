-- A worker says what it was given and has not given back (`p_given`). What it was given it is not given again, even when its lease ran
-- out meanwhile and nobody else took it; and what is written down as its own although it was never given, because the answer of a
-- claim was lost, is as free for it as what a dead worker held. Processes of the version before say nothing, and are answered as before.
DROP FUNCTION baton.beat(text, double precision);
DROP FUNCTION baton.claim(text, integer, integer);

-- As before; and it says NULL when none is due (`greatest` alone made 0 of it, and every beat of an idle worker a claim).
CREATE FUNCTION baton.beat(
  p_worker text, p_lease_ms double precision, p_given text[] DEFAULT NULL, OUT due_in_ms double precision
) LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO baton.workers (worker, alive_until) VALUES (p_worker, clock_timestamp() + p_lease_ms * interval '1 millisecond')
  ON CONFLICT (worker) DO UPDATE SET alive_until = EXCLUDED.alive_until;
  DELETE FROM baton.workers WHERE alive_until < clock_timestamp() - interval '1 day';
  SELECT extract(epoch FROM min(r.due_at) - clock_timestamp()) * 1000 INTO due_in_ms
  FROM baton.runs r LEFT JOIN baton.workers w ON w.worker = r.worker AND w.alive_until > clock_timestamp()
  WHERE r.due_at IS NOT NULL AND (w.worker IS NULL OR w.worker = p_worker AND p_given IS NOT NULL)
    AND r.run_id <> ALL (coalesce(p_given, '{}'));
  IF due_in_ms < 0 THEN
    due_in_ms := 0;
  END IF;
END;
$$;

-- As before.
CREATE FUNCTION baton.claim(p_worker text, p_per_repo integer, p_per_installation integer, p_given text[] DEFAULT NULL)
RETURNS text LANGUAGE plpgsql AS $$
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
      AND r.run_id <> ALL (coalesce(p_given, '{}'))
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
    AND r.run_id <> ALL (coalesce(p_given, '{}'))
  ORDER BY r.due_at, r.place LIMIT 1;
  UPDATE baton.runs SET worker = p_worker, claimed_at = clock_timestamp() WHERE run_id = chosen;
  RETURN chosen;
END;
$$;
