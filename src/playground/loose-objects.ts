// Git's objects as they lie in files of their own, read and written without a process. What lies in a pack git is asked for.
import { createHash } from "node:crypto";
import { mkdir, readFile, rename, stat, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { promisify } from "node:util";
import { deflate, inflate } from "node:zlib";
import { BatonError } from "../core/errors.ts";
import { describeEnd, startProcess } from "../core/process.ts";

export interface LooseObject {
  readonly type: string;
  readonly content: Buffer;
}

const fileOf = (folder: string, sha: string) => join(folder, "objects", sha.slice(0, 2), sha.slice(2));

/** The object of this id; undefined where it has no file of its own. */
export async function readLoose(folder: string, sha: string): Promise<LooseObject | undefined> {
  const packed = await readFile(fileOf(folder, sha)).catch(() => undefined);
  if (packed === undefined) return undefined;
  const raw = await promisify(inflate)(packed);
  const end = raw.indexOf(0);
  return { type: raw.toString("latin1", 0, raw.indexOf(" ")), content: raw.subarray(end + 1) };
}

let writes = 0;

/** Keeps an object and gives its id. */
export async function writeLoose(folder: string, type: "blob" | "commit", content: Uint8Array): Promise<string> {
  const raw = Buffer.concat([Buffer.from(`${type} ${content.length}\0`), content]);
  const sha = createHash("sha1").update(raw).digest("hex");
  const file = fileOf(folder, sha);
  if (await stat(file).catch(() => undefined)) return sha;
  await mkdir(dirname(file), { recursive: true });
  writes += 1;
  const written = join(dirname(file), `tmp_obj_${process.pid}_${writes}`);
  await writeFile(written, await promisify(deflate)(raw), { mode: 0o444 });
  await rename(written, file);
  return sha;
}

/** A blob, wherever it lies: its bytes, as they are. Throws `git-failed` where there is none. */
export async function readBlob(
  folder: string,
  env: Readonly<Record<string, string>>,
  sha: string,
  timeoutMs: number,
): Promise<Buffer> {
  const loose = await readLoose(folder, sha);
  if (loose?.type === "blob") return loose.content;
  const group = startProcess({ argv: ["git", "cat-file", "blob", sha], cwd: folder, env });
  if ("notStarted" in group) throw new BatonError("git-failed", `git could not be started: ${group.notStarted}`);
  const stdout: Uint8Array[] = [];
  const stderr: Uint8Array[] = [];
  group.stdout.on("data", (chunk: Uint8Array) => stdout.push(chunk));
  group.stderr.on("data", (chunk: Uint8Array) => stderr.push(chunk));
  const timer = setTimeout(() => group.end(0), timeoutMs);
  const end = await group.ended;
  clearTimeout(timer);
  if (end.type === "exited" && end.exitCode === 0) return Buffer.concat(stdout);
  const why = describeEnd(end, Buffer.concat(stderr).toString("utf8"));
  throw new BatonError("git-failed", `git cat-file blob ${sha} in ${folder} failed: ${why}`);
}
