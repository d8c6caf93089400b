// Where the pages of a GitHub are, told by the address of its API.

/** Where the pages of a GitHub are whose API this is: https://HOST/api/v3 is an Enterprise Server's, https://api.HOST everything else. */
export function pagesOf(apiUrl: string): string {
  const url = new URL(apiUrl);
  if (url.pathname.endsWith("/api/v3")) return `${url.origin}${url.pathname.slice(0, -"/api/v3".length)}`;
  return `${url.protocol}//${url.host.replace(/^api\./, "")}`;
}
