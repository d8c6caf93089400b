-- What GitHub's limits still allow, for all workers of an installation at once, by this database's clock.
CREATE TABLE baton.throttle (
  -- The installation; 0 for the account of a token.
  holder       bigint PRIMARY KEY,
  -- Nothing at all is asked before then.
  closed_until timestamptz NOT NULL DEFAULT '-infinity',
  -- Nothing but edits of cards is asked before then: the last requests of the hour are kept for them.
  spared_until timestamptz NOT NULL DEFAULT '-infinity',
  -- Closings in a row for which GitHub did not say how long: each lasts twice as long as the one before.
  strikes      integer NOT NULL DEFAULT 0
);

-- Requests of the last hour that created content.
CREATE TABLE baton.content_writes (
  holder bigint NOT NULL,
  at     timestamptz NOT NULL
);
CREATE INDEX content_writes_holder ON baton.content_writes (holder, at);

-- One turn: 0 when a request may be sent now (one that creates content is counted then), else the milliseconds until asking
-- again is worth while. The windows are a little longer than GitHub's, which counts when requests arrive: two that left
-- a minute apart may arrive closer together.
CREATE FUNCTION baton.github_turn(p_holder bigint, p_kind text, p_minute integer, p_hour integer)
RETURNS double precision LANGUAGE plpgsql AS $$
DECLARE
  until timestamptz;
BEGIN
  SELECT CASE WHEN p_kind = 'edit' THEN t.closed_until ELSE greatest(t.closed_until, t.spared_until) END
    INTO until FROM baton.throttle t WHERE t.holder = p_holder;
  IF p_kind = 'content' AND coalesce(until, '-infinity') <= clock_timestamp() THEN
    -- Whoever has the row decides; the others wait for it here and then see what it counted.
    INSERT INTO baton.throttle AS t (holder) VALUES (p_holder)
      ON CONFLICT (holder) DO UPDATE SET holder = excluded.holder
      RETURNING greatest(t.closed_until, t.spared_until) INTO until;
    DELETE FROM baton.content_writes c WHERE c.holder = p_holder AND c.at <= clock_timestamp() - interval '3605 seconds';
    SELECT greatest(until, max(free.at)) INTO until FROM (
      (SELECT c.at + interval '61 seconds' AS at FROM baton.content_writes c
        WHERE c.holder = p_holder ORDER BY c.at DESC OFFSET p_minute - 1 LIMIT 1)
      UNION ALL
      (SELECT c.at + interval '3605 seconds' FROM baton.content_writes c
        WHERE c.holder = p_holder ORDER BY c.at DESC OFFSET p_hour - 1 LIMIT 1)
    ) AS free;
    IF until <= clock_timestamp() THEN
      INSERT INTO baton.content_writes (holder, at) VALUES (p_holder, clock_timestamp());
    END IF;
  END IF;
  IF coalesce(until, '-infinity') <= clock_timestamp() THEN
    RETURN 0;
  END IF;
  RETURN greatest(1, extract(epoch FROM until - clock_timestamp()) * 1000);
END;
$$;

-- Closes for so many milliseconds; where GitHub did not say how long (`p_blind`), twice as long each time. Never shortens.
CREATE FUNCTION baton.github_close(p_holder bigint, p_ms double precision, p_blind boolean)
RETURNS void LANGUAGE plpgsql AS $$
DECLARE
  t record;
  tries integer;
BEGIN
  INSERT INTO baton.throttle AS known (holder) VALUES (p_holder)
    ON CONFLICT (holder) DO UPDATE SET holder = excluded.holder
    RETURNING known.closed_until, known.strikes INTO t;
  tries := t.strikes;
  -- What comes back while it is closed already had left before.
  IF p_blind AND t.closed_until <= clock_timestamp() THEN
    tries := CASE WHEN t.closed_until > clock_timestamp() - interval '10 minutes' THEN least(tries + 1, 5) ELSE 1 END;
  END IF;
  UPDATE baton.throttle SET
    strikes = tries,
    closed_until = greatest(t.closed_until, clock_timestamp()
      + interval '1 millisecond' * p_ms * CASE WHEN p_blind THEN power(2, greatest(tries, 1) - 1) ELSE 1 END)
    WHERE holder = p_holder;
END;
$$;

-- Writes of a run that must happen in order share a lane. A later one overtakes what is still open before it.
ALTER TABLE baton.outbox ADD COLUMN lane text;
ALTER TABLE baton.outbox ADD COLUMN overtaken boolean NOT NULL DEFAULT false;
CREATE INDEX outbox_lane ON baton.outbox (run_id, lane) WHERE done_at IS NULL AND lane IS NOT NULL;

CREATE FUNCTION baton.outbox_record(p_key text, p_run text, p_kind text, p_payload json, p_lane text)
RETURNS SETOF baton.outbox LANGUAGE plpgsql AS $$
BEGIN
  IF p_run IS NOT NULL AND p_lane IS NOT NULL THEN
    -- Two that overtake each other at the same moment would wait for each other's rows.
    PERFORM pg_advisory_xact_lock(hashtextextended(p_run || '/' || p_lane, 0));
    UPDATE baton.outbox o SET overtaken = true
      WHERE o.run_id = p_run AND o.lane = p_lane AND o.key <> p_key AND o.done_at IS NULL AND NOT o.overtaken;
  END IF;
  RETURN QUERY
    INSERT INTO baton.outbox AS known (key, run_id, kind, payload, lane) VALUES (p_key, p_run, p_kind, p_payload, p_lane)
    ON CONFLICT (key) DO UPDATE SET tries = known.tries + 1, overtaken = false
    RETURNING known.*;
END;
$$;
