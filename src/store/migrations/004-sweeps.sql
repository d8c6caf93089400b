-- Work that one process of all does from time to time, by this database's clock.
CREATE TABLE baton.sweeps (
  name     text PRIMARY KEY,
  holder   text NOT NULL,
  -- Nobody begins it before then: it is being done, or was done lately.
  next_at  timestamptz NOT NULL,
  -- Everything up to here is done, by the clock of whoever is asked.
  swept_to timestamptz
);

-- Deliveries that GitHub was asked to send again.
CREATE TABLE baton.redeliveries (
  guid     text PRIMARY KEY,
  tries    integer NOT NULL DEFAULT 1,
  asked_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
