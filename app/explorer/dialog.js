// A modal dialog over the page: the browser keeps the focus in it, closes it on Escape and gives the focus back.
import { Icon } from "./icons.js";
import { html, useEffect, useRef } from "./parts.js";

export function Dialog({ title, kind = "", onClose, actions, children }) {
  const dialog = useRef(null);
  useEffect(() => {
    dialog.current.showModal();
  }, []);
  const shut = () => dialog.current.close(); // tells onClose; taken out while open, it would keep the focus
  const onClick = (event) => event.target === dialog.current && shut();
  return html`<dialog ref=${dialog} class=${kind} aria-label=${title} onClose=${onClose} onClick=${onClick}>
    <header><h2>${title}</h2>${actions}<button type="button" class="plain" aria-label="Close" onClick=${shut}>
      <${Icon} name="close" /></button></header>
    <div class="inside" tabindex="-1" autofocus=${kind === "drawer"}>${children}</div>
  </dialog>`;
}
