/** Where the host keeps a report, or why it does not. */
export type Kept = { readonly path: string } | { readonly error: string };

/** Hands a report or a failure to the host; never rejects, since the page has the numbers anyway. */
export async function post(path: string, message: object): Promise<Kept> {
  try {
    const response = await fetch(path, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(message),
    });
    const answer = (await response.json()) as { kept?: string; error?: string };
    if (response.ok) return { path: answer.kept ?? '' };
    return { error: answer.error ?? `the computer answered ${response.status}` };
  } catch (error) {
    return { error: error instanceof Error ? error.message : String(error) };
  }
}
