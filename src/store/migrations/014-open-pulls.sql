-- What is looked for when a branch moves on: the pull requests of a repository's runs (store/looks.ts).
CREATE INDEX events_pulls ON baton.events (run_id) WHERE type IN ('pull_request.opened', 'pull_request.closed');
