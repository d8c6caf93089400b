-- What is looked for when nobody tells of the checks of a pull request (store/looks.ts).
CREATE INDEX events_looks ON baton.events (at) WHERE type IN ('pull_request.opened', 'branch.given', 'checks.judged');
