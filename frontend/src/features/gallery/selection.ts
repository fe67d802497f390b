/** Which pictures are selected, and where a Shift-click starts from. Pure. */
export interface Selection {
  ids: ReadonlySet<string>;
  /** The picture that was last switched by itself: the fixed end of a range. */
  anchor: string | null;
}

export const NOTHING: Selection = { ids: new Set(), anchor: null };

export function toggled(selection: Selection, id: string): Selection {
  const ids = new Set(selection.ids);
  if (!ids.delete(id)) ids.add(id);
  return { ids, anchor: id };
}

/** Adds everything between the anchor and `id` in the order on screen; without an anchor just `id`. */
export function extended(selection: Selection, id: string, order: readonly string[]): Selection {
  const from = selection.anchor === null ? -1 : order.indexOf(selection.anchor);
  const to = order.indexOf(id);
  if (from < 0 || to < 0) return toggled(selection, id);
  const range = order.slice(Math.min(from, to), Math.max(from, to) + 1);
  return { ids: new Set([...selection.ids, ...range]), anchor: selection.anchor };
}

export function everything(order: readonly string[]): Selection {
  return { ids: new Set(order), anchor: null };
}

/** Forgets pictures that are no longer there. Returns the same object when nothing changes. */
export function pruned(selection: Selection, order: readonly string[]): Selection {
  const known = new Set(order);
  const ids = [...selection.ids].filter((id) => known.has(id));
  if (ids.length === selection.ids.size) return selection;
  const anchor = selection.anchor !== null && known.has(selection.anchor) ? selection.anchor : null;
  return { ids: new Set(ids), anchor };
}
