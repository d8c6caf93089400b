// Runs of workflows, what they kept, and starting one by hand. Who runs them is not the playground: whoever plays the runner writes
// down here what it did.
import { Hono } from "hono";
import { z } from "zod";
import { artifactShape, workflowRunShape } from "../shapes/workflow-runs.ts";
import type { World } from "../state.ts";
import { answer, bodyOf, doer, here, noContent, notFound, page, param, Refusal, type RestEnv } from "./exchange.ts";

const newDispatch = z.strictObject({
  ref: z.string().min(1),
  inputs: z
    .record(z.string(), z.unknown())
    .refine((inputs) => Object.keys(inputs).length <= 25, "is too long (maximum is 25 keys)")
    .default({}),
});

export function actionRoutes(world: World): Hono<RestEnv> {
  const rest = new Hono<RestEnv>();
  const base = "/repos/:owner/:repo/actions";

  rest.get(`${base}/artifacts`, (c) => {
    const { repo } = here(c, world, "read", "actions");
    const name = c.req.query("name");
    const found = repo.artifacts.filter((one) => name === undefined || one.name === name).toReversed();
    const artifacts = page(c, world, found).map((one) => artifactShape(world, repo, one));
    return answer(c, { total_count: found.length, artifacts });
  });

  rest.get(`${base}/runs/:id{[0-9]+}`, (c) => {
    const { repo } = here(c, world, "read", "actions");
    const run = repo.workflowRuns.find(({ id }) => id === Number(param(c, "id")));
    if (!run) throw notFound();
    return answer(c, workflowRunShape(world, repo, run));
  });

  rest.post(`${base}/workflows/:workflow/dispatches`, async (c) => {
    const { actor, repo } = here(c, world, "write", "actions", "write");
    const { ref, inputs } = await bodyOf(c, newDispatch);
    const workflow = `.github/workflows/${param(c, "workflow")}`;
    const commit = await repo.git.commitOf(ref);
    if (commit === undefined) throw new Refusal(422, `No ref found for: ${ref}`);
    const [file] = await repo.git.listTree(commit, { path: workflow });
    if (file?.path !== workflow) throw notFound();
    const text = (await repo.git.readBlob(file.sha)).toString("utf8");
    if (!text.includes("workflow_dispatch"))
      throw new Refusal(422, "Workflow does not have 'workflow_dispatch' trigger");
    const fields = { inputs, ref: `refs/heads/${ref}`, workflow };
    world.announce(repo, { event: "workflow_dispatch", by: doer(actor).account, fields });
    return noContent();
  });

  return rest;
}
