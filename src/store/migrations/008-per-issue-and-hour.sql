-- What is counted for each issue and hour: comments of Baton's, and beginnings of runs.
ALTER TABLE baton.outbox
  -- The issue that a comment is written on, as in `runs`; NULL for every other write.
  ADD COLUMN subject_key text;
CREATE INDEX outbox_comments ON baton.outbox (subject_key, recorded_at DESC) WHERE subject_key IS NOT NULL;
CREATE INDEX events_begun ON baton.events (run_id, at) WHERE type IN ('run.created', 'retry.requested', 'revision.requested');

-- As before; and it says on which issue a comment is. Processes of the version before do not say it, and their comments are not counted.
DROP FUNCTION baton.outbox_record(text, text, text, json, text);
CREATE FUNCTION baton.outbox_record(
  p_key text, p_run text, p_kind text, p_payload json, p_lane text, p_subject text DEFAULT NULL
) RETURNS SETOF baton.outbox LANGUAGE plpgsql AS $$
BEGIN
  IF p_run IS NOT NULL AND p_lane IS NOT NULL THEN
    -- Two that overtake each other at the same moment would wait for each other's rows.
    PERFORM pg_advisory_xact_lock(hashtextextended(p_run || '/' || p_lane, 0));
    UPDATE baton.outbox o SET overtaken = true
      WHERE o.run_id = p_run AND o.lane = p_lane AND o.key <> p_key AND o.done_at IS NULL AND NOT o.overtaken;
  END IF;
  RETURN QUERY
    INSERT INTO baton.outbox AS known (key, run_id, kind, payload, lane, subject_key)
    VALUES (p_key, p_run, p_kind, p_payload, p_lane, p_subject)
    ON CONFLICT (key) DO UPDATE SET tries = known.tries + 1, overtaken = false
    RETURNING known.*;
END;
$$;

-- Takes a place for a comment that belongs to no run among those on its issue of the last hour (`p_alike`: of its kind), unless `p_most`
-- have one already: then says when those were recorded, newest first, in milliseconds since 1970. What GitHub refused has none. Who had
-- a place keeps it. One at a time for each issue, so that the limit is exact however many processes ask.
CREATE FUNCTION baton.outbox_reserve(
  p_key text, p_kind text, p_payload json, p_subject text, p_most integer, p_alike boolean,
  OUT reserved boolean, OUT times double precision[]
) LANGUAGE plpgsql AS $$
BEGIN
  PERFORM pg_advisory_xact_lock(hashtextextended(p_subject, 1));
  reserved := EXISTS (SELECT FROM baton.outbox o WHERE o.key = p_key AND NOT o.overtaken);
  IF reserved THEN
    RETURN;
  END IF;
  SELECT coalesce(array_agg(extract(epoch FROM c.recorded_at) * 1000 ORDER BY c.recorded_at DESC), '{}') INTO times FROM (
    SELECT o.recorded_at FROM baton.outbox o
    WHERE o.subject_key = p_subject AND NOT o.overtaken AND o.recorded_at > clock_timestamp() - interval '1 hour'
      AND (NOT p_alike OR o.kind = p_kind)
    ORDER BY o.recorded_at DESC LIMIT p_most
  ) AS c;
  reserved := cardinality(times) < p_most;
  IF reserved THEN
    INSERT INTO baton.outbox AS known (key, kind, payload, subject_key, tries) VALUES (p_key, p_kind, p_payload, p_subject, 0)
    ON CONFLICT (key) DO UPDATE SET overtaken = false, recorded_at = clock_timestamp();
  END IF;
END;
$$;
