-- Finished work of agents, as before, but on the shelf of its repository: the same commit in two of them is there twice, and neither is given
-- the other's.
CREATE TABLE baton.shelf (
  repo_id bigint NOT NULL,
  commit  text NOT NULL,
  -- The commit it was made on, which the bundle builds on.
  start   text NOT NULL,
  bundle  bytea NOT NULL,
  kept_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  PRIMARY KEY (repo_id, commit)
);
CREATE INDEX shelf_kept ON baton.shelf (kept_at);

-- `baton.work` is for processes of the version before. Whose the work is that a job put there, it says itself; whose the servers' own is, their
-- runs say. A run that a job has had is not asked: a job says itself which commits are its.
INSERT INTO baton.shelf (repo_id, commit, start, bundle, kept_at)
SELECT repo_id, commit, start, bundle, kept_at FROM baton.work WHERE repo_id IS NOT NULL
UNION ALL
SELECT named.repo_id, w.commit, w.start, w.bundle, w.kept_at
FROM baton.work w JOIN (
  SELECT DISTINCT r.repo_id, said.commit
  FROM baton.runs r JOIN baton.events e USING (run_id)
  -- Without what programs print and `->>` refuses, in texts that do not matter here.
  CROSS JOIN LATERAL (
    SELECT regexp_replace(regexp_replace(e.event::text, '\\\\', '', 'g'), '\\u[0-9a-fA-F]{4}', '', 'g')::json AS event
  ) AS read
  CROSS JOIN LATERAL (
    VALUES (read.event ->> 'commit'), (read.event ->> 'work'), (read.event #>> '{conflict,marked}')
  ) AS said (commit)
  WHERE r.repo_id <> 0
    AND e.type IN ('agent.finished', 'wave.merged', 'tasks.closed', 'fleet.merged', 'setup.written', 'lessons.written')
    AND NOT EXISTS (SELECT FROM baton.jobs j WHERE j.run_id = r.run_id AND j.token_hash IS NOT NULL)
) named ON named.commit = w.commit
WHERE w.repo_id IS NULL;
