/** A name and a value a line, for a `<dl class="facts">`. */
export function factRows(
  facts: readonly (readonly [name: string, value: string])[],
): HTMLElement[] {
  return facts.map(([name, value]) => {
    const row = document.createElement('div');
    const term = document.createElement('dt');
    const definition = document.createElement('dd');
    term.textContent = name;
    definition.textContent = value;
    row.append(term, definition);
    return row;
  });
}
