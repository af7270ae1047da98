// The page's address holds what is chosen in it, so that a link or a reload shows the same.
"use strict";

const address = {
  /** The value of a name; null where the address has none. */
  get: (name) => new URLSearchParams(location.search).get(name),

  /** All values of a name. */
  all: (name) => new URLSearchParams(location.search).getAll(name),

  /** Set names to a value or to several; nothing, "" or false removes a name. */
  set(chosen) {
    const query = new URLSearchParams(location.search);
    for (const [name, value] of Object.entries(chosen)) {
      query.delete(name);
      for (const one of [value].flat()) if (one) query.append(name, one === true ? "1" : one);
    }
    const text = query.toString();
    try {
      history.replaceState(null, "", location.pathname + (text && `?${text}`) + location.hash);
    } catch {
      // A browser may forbid this to pages from a disk; then the address stays as it is
    }
  },
};
