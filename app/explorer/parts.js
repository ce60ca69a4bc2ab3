// The vendored parts under one roof: Preact with its hooks, and htm bound to it. No text ever becomes markup here.
import { h, render } from "./vendor/preact/preact.mjs";
import htm from "./vendor/htm/htm.mjs";

export { useEffect, useId, useLayoutEffect, useMemo, useReducer, useRef, useState } from "./vendor/preact/hooks.mjs";
export { render };
export const html = htm.bind(h);
