// JSON as GitHub answers it: accounts, Apps, installations.
import type { Account, App, Permissions, World } from "../state.ts";

/** GitHub's node ids are opaque; these only have to be text and differ. */
export function nodeId(kind: string, id: number | string): string {
  return Buffer.from(`${kind}${id}`).toString("base64url");
}

export function userShape(world: World, account: Account) {
  const api = `${world.apiUrl}/users/${encodeURIComponent(account.login)}`;
  const page = account.type === "Bot" ? `/apps/${account.login.replace("[bot]", "")}` : `/${account.login}`;
  return {
    login: account.login,
    id: account.id,
    node_id: nodeId("U_", account.id),
    avatar_url: `${world.url}/ui/avatar/${account.id}.svg`,
    gravatar_id: "",
    url: api,
    html_url: `${world.url}${page}`,
    followers_url: `${api}/followers`,
    following_url: `${api}/following{/other_user}`,
    gists_url: `${api}/gists{/gist_id}`,
    starred_url: `${api}/starred{/owner}{/repo}`,
    subscriptions_url: `${api}/subscriptions`,
    organizations_url: `${api}/orgs`,
    repos_url: `${api}/repos`,
    events_url: `${api}/events{/privacy}`,
    received_events_url: `${api}/received_events`,
    type: account.type,
    site_admin: false,
  };
}

const founded = "2024-01-01T00:00:00Z";

/** What `GET /users/{login}` says beyond the short form. */
export function publicUserShape(world: World, account: Account) {
  return {
    ...userShape(world, account),
    name: account.login,
    company: null,
    blog: "",
    location: null,
    email: null,
    hireable: null,
    bio: null,
    public_repos: 0,
    public_gists: 0,
    followers: 0,
    following: 0,
    created_at: founded,
    updated_at: founded,
  };
}

export function appShape(world: World, app: App) {
  return {
    id: app.id,
    slug: app.slug,
    client_id: app.clientId,
    node_id: nodeId("A_", app.id),
    owner: userShape(world, { id: 9_000_000 + app.id, login: `${app.slug}-owner`, type: "Organization" }),
    name: app.name,
    description: null,
    external_url: `${world.url}/apps/${app.slug}`,
    html_url: `${world.url}/apps/${app.slug}`,
    created_at: founded,
    updated_at: founded,
    permissions: app.permissions,
    events: app.events,
    installations_count: 1,
  };
}

export function installationShape(world: World, app: App, account: Account) {
  return {
    id: app.installationId,
    client_id: app.clientId,
    account: userShape(world, account),
    repository_selection: app.repositories ? "selected" : "all",
    access_tokens_url: `${world.apiUrl}/app/installations/${app.installationId}/access_tokens`,
    repositories_url: `${world.apiUrl}/installation/repositories`,
    html_url: `${world.url}/settings/installations/${app.installationId}`,
    app_id: app.id,
    app_slug: app.slug,
    target_id: account.id,
    target_type: account.type,
    permissions: app.permissions satisfies Permissions,
    events: app.events,
    single_file_name: null,
    has_multiple_single_files: false,
    single_file_paths: [],
    suspended_by: app.standing === "suspended" ? userShape(world, account) : null,
    suspended_at: app.standing === "suspended" ? founded : null,
    created_at: founded,
    updated_at: founded,
  };
}
