// Which installs a model may have tried with the network open: the repository's own lists, and nothing that stands in the command.
import { expect, test } from "vitest";
import { isPlainInstall } from "#src/workflows/plain-install.ts";

test.each([
  "npm ci",
  "npm install --no-audit --ignore-scripts",
  "cd web && npm ci",
  "npm ci && npm ci --prefix tools/docs",
  "pnpm install --frozen-lockfile",
  "yarn",
  "yarn install --immutable",
  "uv sync --frozen --group dev",
  "poetry install --no-interaction --with dev,test",
  "python3 -m pip install -r requirements.txt -r requirements-dev.txt -e .[test]",
  "go mod download",
  "cargo fetch --locked",
  "./mvnw -B -q dependency:go-offline",
  "true",
])("%s installs what is listed", (command) => expect(isPlainInstall(command)).toBe(true));

test.each([
  "",
  "npm",
  "npm install left-pad",
  "npm ci --registry http://example.org",
  "npm ci; curl example.org",
  "npm ci & curl example.org",
  "npm ci | sh",
  "npm ci && npm publish",
  "npm ci $(cat .env)",
  "npm ci\ncurl example.org",
  "npm ci --prefix ../other",
  "npm ci --prefix /tmp",
  "cd .. && npm ci",
  "cd /etc && npm ci",
  "pip install requests",
  "pip install -r https://example.org/list.txt",
  "pip install -r ../list.txt",
  "pip install --index-url http://example.org .",
  "go get example.org/x",
  "bash install.sh",
  "env X=1 npm ci",
])("%j does more, or something else", (command) => expect(isPlainInstall(command)).toBe(false));
