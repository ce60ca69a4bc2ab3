// The page's own URL: the question in its query, view and interaction in its fragment.
import { VIEWS } from "./header.js";
import { useEffect, useState } from "./parts.js";
import { read, written } from "./question.js";

/** Where the page stands: the question from the query, view and interaction from the fragment. */
function place() {
  const [view, id] = location.hash.slice(1).split("/");
  const known = VIEWS.some(({ name }) => name === view) ? view : "interactions";
  return { pairs: read(location.search), view: known, opened: id ?? null };
}

/** Where the page stands now, and a way to go elsewhere: the question, view or interaction named changes. */
export function usePlace() {
  const [now, setNow] = useState(place);
  useEffect(() => {
    const look = () =>
      setNow((before) => {
        const after = place();
        return written(before.pairs) === written(after.pairs) ? { ...after, pairs: before.pairs } : after;
      });
    ["popstate", "hashchange"].forEach((name) => addEventListener(name, look));
    return () => ["popstate", "hashchange"].forEach((name) => removeEventListener(name, look));
  }, []);
  useEffect(() => {
    const asked = now.pairs.filter(([name]) => name !== "fields").map(([, value]) => value);
    document.title = [...asked.slice(0, 3), "cxfacade"].join(" – ");
  }, [now.pairs]);
  const go = ({ pairs = now.pairs, view = now.view, opened = null }) => {
    const query = written(pairs);
    const fragment = `${view}${opened ? `/${opened}` : ""}`;
    history.pushState(
      null,
      "",
      `${location.pathname}${query ? `?${query}` : ""}${fragment === "interactions" ? "" : `#${fragment}`}`,
    );
    setNow({ pairs: query === written(now.pairs) ? now.pairs : pairs, view, opened });
  };
  return [now, go];
}
